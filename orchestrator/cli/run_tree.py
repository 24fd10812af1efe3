"""A run's steps as a tree in the terminal, live where there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from orchestrator.cli import output

if TYPE_CHECKING:
    from rich.tree import Tree

    from coe_client.types import RunEvent, RunStep

_MARKS = {"running": "…", "ok": "✓", "failed": "✗", "waiting": "?"}
_STYLES = {"running": "yellow", "ok": "green", "failed": "red", "waiting": "magenta"}
_SHOWN = 100


class RunTree:
    """The steps of a run so far. Turns of whoever leads are branches, what they caused hangs below.

    A strategy at work on a part of the task is a branch too, and in it the same holds again.

    Args:
        title: At its root.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._steps: dict[str, RunStep] = {}

    def update(self, step: RunStep) -> None:
        """Show a step, or how it stands now."""
        self._steps[step.key] = step

    def print(self) -> None:
        """Print it on standard error."""
        from rich.console import Console

        Console(stderr=True, width=_width()).print(self.render())

    def render(self) -> Tree:
        """Return it as rich draws it."""
        from rich.text import Text
        from rich.tree import Tree

        root = Tree(Text(self._title, style="bold"), guide_style="dim")
        roots, turns = {"": root}, {"": root}
        for step in sorted(self._steps.values(), key=lambda step: self._place(step.key)):
            line = Text(_MARKS.get(step.status, "·"), style=_STYLES.get(step.status, ""))
            line.append(f" {line_of(step)}", style="")
            level = next(each for each in above(step.key) if each in roots)
            if step.kind == "plan":
                turns[level] = roots[level].add(line)
            elif step.kind == "strategy":
                roots[step.key] = turns[step.key] = turns[level].add(line)
            else:
                (roots if step.kind == "answer" else turns)[level].add(line)
        return root

    def _place(self, key: str) -> tuple[int, ...]:
        """Return where a step stands: after what it is a part of, whichever was told first."""
        whole = [each for each in reversed(list(above(key))) if each in self._steps]
        return tuple(self._steps[each].number or sys.maxsize for each in (*whole, key))


def above(key: str) -> Iterator[str]:
    """Yield the keys of the steps that one is a part of, the nearest first; at last none."""
    while key:
        key = key.rpartition("/")[0]
        yield key


def line_of(step: RunStep) -> str:
    """Say in one line what a step is and came to."""
    said = step.output if step.status in {"ok", "failed"} else step.input
    first = " ".join(output.clean(said).split())
    short = first if len(first) <= _SHOWN else first[: _SHOWN - 1] + "…"
    name = output.clean(step.title or step.kind)
    who = f" ({output.clean(step.expert)})" if step.expert else ""
    took = f" {step.seconds:.1f} s" if step.status in {"ok", "failed"} else ""
    return f"{name}{who}{took}: {short}"


def follow(events: Iterable[RunEvent], *, quiet: bool, named: str) -> None:
    """Show what happens until it ends.

    Args:
        events: As they come.
        quiet: Show nothing.
        named: What to call the run.
    """
    if quiet:
        for _ in events:
            pass
    elif sys.stderr.isatty():
        _live(events, named)
    else:
        for event in events:
            if event.type in {"step.finished", "step.waiting"} and event.step is not None:
                step = event.step
                indent = "  " * step.key.count("/")
                output.remark(f"{indent}{_MARKS.get(step.status, '·')} {line_of(step)}")
            _explain(event, named)


def _live(events: Iterable[RunEvent], named: str) -> None:
    from rich.console import Console
    from rich.live import Live

    tree = RunTree(named)
    with Live(tree.render(), console=Console(stderr=True), refresh_per_second=8) as live:
        for event in events:
            if event.step is not None:
                tree.update(event.step)
                live.update(tree.render())


def _explain(event: RunEvent, named: str) -> None:
    if event.type == "step.waiting" and event.step is not None:
        output.remark(
            f"It waits: allow it with `coe runs approve {named}`, or `coe runs reject {named}`."
        )


def _width() -> int | None:
    return None if sys.stderr.isatty() else output.WIDTH_OF_A_PIPE
