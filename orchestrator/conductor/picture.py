"""Pictures of strategies and of finished runs, as Mermaid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.values import Step

_LONGEST = 40
_CLASSES = ("classDef failed stroke:#c0392b,stroke-dasharray:4", "classDef reused opacity:0.6")


def picture_of_strategy(strategy: Strategy) -> str:
    """Return LangGraph's picture of a strategy. Dotted edges are taken by what the state says."""
    picture: str = strategy.flow().compile().get_graph().draw_mermaid()
    return picture


def picture_of_run(steps: Iterable[Step]) -> str:
    """Return the steps of a run; those that went on at the same time stand beside each other.

    Work below a step is drawn inside it.

    Args:
        steps: That have begun.
    """
    ordered = sorted(steps, key=lambda step: step.number)
    known = {step.key for step in ordered}
    inside: dict[str, list[Step]] = {}
    for step in ordered:
        inside.setdefault(_above(step.key, known), []).append(step)
    lines = ["flowchart TD", *_level("", inside, "  ")]
    return "\n".join((*lines, *(f"  {each}" for each in _CLASSES)))


def _above(key: str, known: set[str]) -> str:
    """Return the key of the nearest step that one is a part of; empty where there is none."""
    while key := key.rpartition("/")[0]:
        if key in known:
            break
    return key


def _level(above: str, inside: Mapping[str, list[Step]], indent: str) -> Iterator[str]:
    """Yield the steps of one level, each with what is inside it, and the edges between them."""
    before: list[Step] = []
    for wave in _waves(inside.get(above, [])):
        for step in wave:
            yield from _drawn(step, inside, indent)
        yield from (
            f"{indent}s{first.number} --> s{step.number}" for first in before for step in wave
        )
        before = wave


def _drawn(step: Step, inside: Mapping[str, list[Step]], indent: str) -> Iterator[str]:
    if step.key not in inside:
        yield f"{indent}{_node(step)}"
        return
    yield f'{indent}subgraph s{step.number}["{_label(step)}"]'
    yield from _level(step.key, inside, f"{indent}  ")
    yield f"{indent}end"


def _waves(steps: list[Step]) -> list[list[Step]]:
    """Put steps together that began before the first of them had ended."""
    waves: list[list[Step]] = []
    ended = 0.0
    for step in steps:
        if waves and step.started_at < ended:
            waves[-1].append(step)
        else:
            waves.append([step])
            ended = step.started_at + step.seconds
        ended = min(ended, step.started_at + step.seconds)
    return waves


def _node(step: Step) -> str:
    kind = ":::failed" if step.status == "failed" else ":::reused" if step.reused_from else ""
    return f's{step.number}["{_label(step)}"]{kind}'


def _label(step: Step) -> str:
    who = f"<br/>{_plain(step.expert)}" if step.expert else ""
    return f"{step.number}. {_plain(step.title or step.kind)}{who}"


def _plain(text: str) -> str:
    """Return a text that means nothing to Mermaid."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"
    return "".join(c if c.isalnum() or c in " .,+-_'\u2026" else f"#{ord(c)};" for c in short)
