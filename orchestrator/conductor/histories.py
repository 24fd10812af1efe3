"""How answers have fared, by tenant and category: what the gate goes by. In memory, bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from orchestrator.conductor.gate import History
from orchestrator.conductor.nodes.verify import read_verdict
from orchestrator.conductor.values import Step, Task

MOST_KEPT = 4096
"""Pairs of tenant and category; the one heard of least lately makes room."""
MOST_CHECKED = 200
"""Checked answers of one pair; then all counts are halved, so that what is new weighs more."""


class Histories:
    """Counts, for one process; they begin anew with it."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str | None], History] = OrderedDict()

    def of(self, task: Task) -> History:
        """Return how answers of the task's tenant and category have fared."""
        return self._counts.get((task.tenant, task.category), History())

    def note(self, task: Task, steps: Iterable[Step]) -> None:
        """Count what the first check of a run found; a run without one counts for nothing."""
        right = first_verdict(steps)
        if right is None:
            return
        kind = task.tenant, task.category
        before = self._counts.pop(kind, History())
        if before.checked >= MOST_CHECKED:
            before = History(before.checked // 2, before.refused // 2)
        self._counts[kind] = History(before.checked + 1, before.refused + (not right))
        if len(self._counts) > MOST_KEPT:
            self._counts.popitem(last=False)


def first_verdict(steps: Iterable[Step]) -> bool | None:
    """Return what the first check said that gave a verdict; ``None`` where none did."""
    checks = [step for step in steps if step.kind == "verify" and step.status == "ok"]
    verdicts = (read_verdict(step.output) for step in sorted(checks, key=lambda s: s.number))
    return next((verdict for verdict in verdicts if verdict is not None), None)
