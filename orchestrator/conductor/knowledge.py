"""What a process brings into its runs beside experts and a sandbox, and takes out of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.conductor.histories import Histories
from orchestrator.conductor.panel import Reliability
from orchestrator.conductor.ports import Lessons, NoLessons
from orchestrator.conductor.run import Run


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known before a run begins.

    Args:
        reliability: How far experts' answers are to be believed; ``None``: as the router expects.
        lessons: What earlier runs have taught.
        histories: How answers have fared, by tenant and category.
    """

    reliability: Reliability | None = None
    lessons: Lessons = field(default_factory=NoLessons)
    histories: Histories = field(default_factory=Histories)

    def given_to(self, run: Run) -> Run:
        """Give a run what is known, and count how it fares once it has ended."""
        run.reliability = self.reliability
        run.lessons = self.lessons
        run.history = self.histories.of(run.task)
        run.ended = lambda outcome: self.histories.note(run.task, outcome.steps)
        return run
