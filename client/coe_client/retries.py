"""Whether and when a failed request is tried again. Numbers in, numbers out; nothing sleeps here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coe_client.errors import APIConnectionError, APIStatusError, CoeError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
LONGEST_WISH = 60.0
"""Seconds. A service that asks for more than this is not waited for: the error goes to the caller."""

NOT_DONE = frozenset({429, 503})
"""The service says that it did nothing with the request."""
PERHAPS_DONE = frozenset({408, 500, 502, 504})
"""Another try may succeed, but the first may have had its effect."""


def may_repeat(error: CoeError, *, repeatable: bool) -> bool:
    """Tell whether a request that failed like this may be sent again.

    Args:
        error: What came of the last try.
        repeatable: Whether doing it twice equals doing it once, costs included. True for reads;
            false for a chat completion, which would be paid twice.
    """
    if isinstance(error, APIConnectionError):
        return repeatable or not error.sent
    if isinstance(error, APIStatusError) and not error.final:
        return error.status in NOT_DONE or (repeatable and error.status in PERHAPS_DONE)
    return False


def pause(tries: int, wish: float | None, random: Callable[[], float]) -> float | None:
    """Return how long to wait before the next try.

    Exponential backoff with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog,
    2015). Where the service named a time, it is kept, and the jitter comes on top, so that many
    clients told the same do not come back in the same instant.

    Args:
        tries: How many have failed, from 1.
        wish: Seconds the service asked for (``Retry-After``).
        random: Returns a number in [0, 1).

    Returns:
        Seconds, or ``None`` where the service asks for more than :data:`LONGEST_WISH`.
    """
    if wish is not None:
        return None if wish > LONGEST_WISH else wish + FIRST_PAUSE * random()
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries - 1, 16)) * random()


@dataclass(slots=True)
class Attempts:
    """The tries of one request.

    Args:
        repeatable: As for :func:`may_repeat`.
        max_retries: How often it may be tried again.
        random: As for :func:`pause`.
        seconds_left: Returns the rest of the time the whole call may take; ``None``: no limit.
    """

    repeatable: bool
    max_retries: int
    random: Callable[[], float]
    seconds_left: Callable[[], float | None]
    failed: int = 0

    def pause_after(self, error: CoeError) -> float | None:
        """Count a failed try; return the seconds until the next, or ``None`` to give up."""
        self.failed += 1
        if self.failed > self.max_retries or not may_repeat(error, repeatable=self.repeatable):
            return None
        seconds = pause(self.failed, getattr(error, "retry_after", None), self.random)
        left = self.seconds_left()
        return None if seconds is None or (left is not None and seconds >= left) else seconds
