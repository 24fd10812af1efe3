"""What was asked of whom on the way to one answer, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from experts.catalogue.expert import Expert
from experts.counting.habits import Habit
from experts.providers.protocol import Usage

Outcome = Literal["running", "ok", "failed", "refused", "cancelled", "skipped"]
NOT_AFFORDED = "budget_exceeded"
"""Why an expert is skipped: a budget does not hold what it may cost."""


@dataclass(slots=True)
class Attempt:
    """One call of one endpoint.

    Args:
        expert: Who was asked: the catalogue entry.
        endpoint: Name of the endpoint, without anything secret.
        began: Seconds since the request began.
        hedge: Whether it was sent because another was slow.
        seconds: How long it took.
        outcome: ``ok`` (answered), ``failed``, ``refused`` (what was asked was not to its liking),
            ``cancelled`` (nobody waited for it any more) or ``skipped`` (it was not called at all).
        error: Code of what went wrong.
        usage: What the expert counted, if it did.
        sent: Whether any of its answer was passed on.
        unseen: Whole events of its answer that were not, since it failed with them.
        habit: How the expert counts, as far as that is known.
    """

    expert: Expert
    endpoint: str
    began: float
    hedge: bool = False
    seconds: float = 0.0
    outcome: Outcome = "running"
    error: str | None = None
    usage: Usage | None = None
    sent: bool = False
    unseen: bytes = b""
    habit: Habit | None = field(default=None, repr=False, compare=False)
