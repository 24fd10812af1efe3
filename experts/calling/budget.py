"""What keeps retries from becoming a storm: a share of the calls, and no more. Pure.

A token bucket, as in Finagle's ``RetryBudget`` and gRPC's retry throttling (gRFC A6): every call
pays a part of a token in, every retry takes a whole one out. When an expert fails at everything,
retries add that part to its load, and not a multiple.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class RetryBudget:
    """A bucket of retries.

    Args:
        ratio: Retries for each call.
        reserve: Retries that may be made without any calls before; the most that is kept, too.
        refill: Retries a second that come by themselves, for experts that are seldom called.
    """

    ratio: float = 0.2
    reserve: float = 10.0
    refill: float = 0.1
    _tokens: float = field(init=False)
    _filled_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._tokens = self.reserve

    def called(self) -> None:
        """Note a call that is no retry."""
        self._tokens = min(self.reserve, self._tokens + self.ratio)

    def take(self, now: float) -> bool:
        """Take one retry, if there is one left.

        Args:
            now: The time, in seconds.
        """
        if self._filled_at is not None:
            since = max(0.0, now - self._filled_at)
            self._tokens = min(self.reserve, self._tokens + since * self.refill)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
