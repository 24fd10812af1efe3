"""Pictures of strategies and of finished runs, as Mermaid."""

from __future__ import annotations

from collections.abc import Iterable

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

    Args:
        steps: Finished ones.
    """
    lines = ["flowchart TD"]
    before: list[Step] = []
    for wave in _waves(sorted(steps, key=lambda step: step.number)):
        lines += [f"  {_node(step)}" for step in wave]
        lines += [f"  s{first.number} --> s{step.number}" for first in before for step in wave]
        before = wave
    return "\n".join((*lines, *(f"  {each}" for each in _CLASSES)))


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
    who = f"<br/>{_plain(step.expert)}" if step.expert else ""
    kind = ":::failed" if step.status == "failed" else ":::reused" if step.reused_from else ""
    return f's{step.number}["{step.number}. {_plain(step.title or step.kind)}{who}"]{kind}'


def _plain(text: str) -> str:
    """Return a text that means nothing to Mermaid."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"
    return "".join(c if c.isalnum() or c in " .,+-_'\u2026" else f"#{ord(c)};" for c in short)
