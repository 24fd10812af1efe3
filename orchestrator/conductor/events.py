"""What happens in a run, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from orchestrator.conductor.values import Outcome, Step


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step has begun."""

    type: ClassVar[str] = "step.started"
    step: Step


@dataclass(frozen=True, slots=True)
class StepDelta:
    """A piece of what a step's expert says."""

    type: ClassVar[str] = "step.delta"
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step has ended, well or badly."""

    type: ClassVar[str] = "step.finished"
    step: Step


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """A piece of the final answer."""

    type: ClassVar[str] = "answer.delta"
    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run has ended with an answer."""

    type: ClassVar[str] = "run.finished"
    outcome: Outcome


Event = StepStarted | StepDelta | StepFinished | AnswerDelta | RunFinished
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Tell nobody."""
    del event
