"""What each call that a request took is charged with, as its usage record lists it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experts.calling.attempts import Attempt
from experts.providers.protocol import Usage
from orchestrator.chat.target import Target
from orchestrator.usage.charges import Asked, charges_of
from orchestrator.usage.record import call_fields

__all__ = ["Asked", "calls_of"]


async def calls_of(
    attempts: Sequence[Attempt],
    target: Target,
    asked: Asked,
    written: str,
    elapsed: float = 0.0,
) -> list[dict[str, Any]]:
    """Return the calls as a usage record lists them, whoever answered last.

    Args:
        attempts: In the order in which they began.
        target: Where the request went.
        asked: What they read.
        written: What was passed on of the answer.
        elapsed: Seconds since the request was admitted: calls that go on are given up now.
    """
    return [
        call_fields(
            one.expert.id,
            target.versions.get(one.expert.id),
            charge.usage,
            charge.nanos,
            endpoint=one.endpoint,
            outcome="cancelled" if one.outcome == "running" else one.outcome,
            error=one.error,
            hedge=one.hedge,
            began_ms=round(one.began * 1000, 3),
            duration_ms=round(_lasted(one, elapsed) * 1000, 3),
            **_service_tier(one, charge.usage),
        )
        for one, charge in await charges_of(attempts, asked, written)
    ]


def _lasted(attempt: Attempt, elapsed: float) -> float:
    """Return how many seconds a call took."""
    if attempt.outcome == "running":
        return max(elapsed - attempt.began, 0.0)
    return attempt.seconds


def _service_tier(attempt: Attempt, usage: Usage) -> dict[str, str]:
    """Return the tier of service that a call was priced at, if it has prices of its own there."""
    priced = {tier.name for tier in attempt.expert.price.service_tiers}
    return {"service_tier": usage.service_tier} if usage.service_tier in priced else {}
