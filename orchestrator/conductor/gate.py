"""Whether a task gets more than one direct answer: only where that is likely to pay.

Talk alone gains nothing and costs much (recomputed from the outputs of arXiv 2401.12954), so a task
the router is sure of, in a category whose answers stand, is answered once and not even checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.conductor.values import Task

Care = Literal["answer", "check", "conduct"]
"""Answer once; answer, have it checked, and conduct if it is refused; conduct at once."""

_PRIOR_ANSWERS = 10.0
_PRIOR_REFUSED = 0.1


@dataclass(frozen=True, slots=True)
class History:
    """How answers of one category have fared.

    Args:
        checked: Answers that were checked.
        refused: Of these, how many did not stand.
    """

    checked: int = 0
    refused: int = 0

    @property
    def doubt(self) -> float:
        """Share refused; with few answers, near the usual tenth."""
        total = self.checked + _PRIOR_ANSWERS
        return (self.refused + _PRIOR_ANSWERS * _PRIOR_REFUSED) / total


@dataclass(frozen=True, slots=True)
class GateSettings:
    """From where on care is taken; shares and uncertainties from 0 to 1.

    Args:
        check_uncertainty: Of the router.
        check_doubt: Of the category's history.
        conduct_doubt: Of the category's history, above which a direct answer is not tried first.
    """

    check_uncertainty: float = 0.5
    check_doubt: float = 0.15
    conduct_doubt: float = 0.6


def care_for(task: Task, history: History, settings: GateSettings | None = None) -> Care:
    """Decide how much care a task gets; one that comes with checks is checked.

    Args:
        task: With the router's uncertainty about it.
        history: Of its category.
        settings: The thresholds.
    """
    settings = settings or GateSettings()
    if history.doubt >= settings.conduct_doubt:
        return "conduct"
    doubtful = (
        task.uncertainty >= settings.check_uncertainty or history.doubt >= settings.check_doubt
    )
    if doubtful or task.checks:
        return "check"
    return "answer"
