"""What each call that a request took is charged with: its tokens, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experts.calling.attempts import Attempt
from experts.counting.counter import at_least_written, counted
from experts.counting.produced import Produced
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from orchestrator.chat.target import Target
from orchestrator.usage.record import call_fields


@dataclass(frozen=True, slots=True)
class Asked:
    """What experts read, to be counted where they do not count.

    Args:
        messages: The conversation, decoded.
        tools: The tools, decoded.
    """

    messages: Sequence[Any] = ()
    tools: Sequence[Any] | None = None


async def calls_of(
    attempts: Sequence[Attempt], target: Target, asked: Asked, written: str
) -> list[dict[str, Any]]:
    """Return the calls as a usage record lists them, whoever answered last.

    Args:
        attempts: In the order in which they began.
        target: Where the request went.
        asked: What they read.
        written: What was passed on of the answer.
    """
    answered = [one for one in attempts if one.sent or one.outcome == "ok"]
    others = [one for one in attempts if one not in answered]
    # Where nobody has answered, nobody has counted either: that it cost nothing is our guess.
    nothing = Usage(0, 0, estimated=not answered)
    return [
        *[await _call(one, target, asked, "", nothing) for one in others],
        *[await _call(one, target, asked, written, nothing) for one in answered],
    ]


async def _call(
    attempt: Attempt, target: Target, asked: Asked, written: str, nothing: Usage
) -> dict[str, Any]:
    expert, usage = attempt.expert, attempt.usage
    written += _unseen(attempt)
    if usage is not None and written and attempt.outcome != "ok":
        usage = await at_least_written(usage, expert.model, written)
    if usage is None and (written or _costs(attempt)):
        usage = await counted(
            expert.model, messages=asked.messages, tools=asked.tools, written=written
        )
    usage = usage or nothing
    return call_fields(
        expert.id,
        target.versions.get(expert.id),
        usage,
        cost_in_nanos(usage, expert.price),
        endpoint=attempt.endpoint,
        outcome="cancelled" if attempt.outcome == "running" else attempt.outcome,
        error=attempt.error,
        hedge=attempt.hedge,
        began_ms=round(attempt.began * 1000, 3),
        duration_ms=round(attempt.seconds * 1000, 3),
    )


def _unseen(attempt: Attempt) -> str:
    """Return what an expert wrote that nobody has seen, since it failed before that was passed on."""
    produced = Produced()
    produced.add(attempt.unseen)
    return produced.text


def _costs(attempt: Attempt) -> bool:
    """Tell whether an expert that did not count its tokens has to be thought to bill for some.

    One that failed or refused before it said anything has billed nothing that we know of. One that
    was left while it worked has read the prompt.
    """
    return attempt.sent or attempt.outcome in {"ok", "cancelled", "running"}
