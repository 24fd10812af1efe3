"""Which experts are down, from the calls that are made anyway: nobody is asked for it.

A circuit breaker (Nygard, Release It!, 2007) of the smallest kind, one for each process.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

FAILURES = 3
WINDOW_SECONDS = 60.0
COOL_DOWN_SECONDS = 30.0


@dataclass(slots=True)
class _Trouble:
    """What an expert has done since it last answered."""

    failed_at: deque[float]
    down_until: float | None = None


@dataclass(slots=True)
class ExpertHealth:
    """Tells who has failed too often in a row.

    An expert is down for a while after some failures in a row within a window. After that one call
    tries it, and meanwhile it counts as down: an answer makes it well, one more failure leaves it
    down for as long again.

    Args:
        failures: In a row, that put an expert down.
        window: Seconds within which they count.
        cool_down: Seconds for which it is down.
        clock: Tells the time, in seconds.
    """

    failures: int = FAILURES
    window: float = WINDOW_SECONDS
    cool_down: float = COOL_DOWN_SECONDS
    clock: Callable[[], float] = time.monotonic
    _troubles: dict[str, _Trouble] = field(default_factory=dict)
    _down: frozenset[str] = frozenset()
    _until: float = 0.0
    """When the first of those that are down is to be tried again."""

    def down(self) -> frozenset[str]:
        """Return the ids of the experts that are down; the same object while nothing changes."""
        if self._down and self.clock() >= self._until:
            self._look()
        return self._down

    def called(self, expert: str) -> None:
        """Note that an expert is being called: one whose time is over is tried by this call alone."""
        trouble = self._troubles.get(expert)
        if trouble is not None and trouble.down_until is not None:
            now = self.clock()
            if now >= trouble.down_until:
                trouble.down_until = now + self.cool_down
                self._look()

    def answered(self, expert: str) -> None:
        """Note that an expert has answered."""
        if self._troubles.pop(expert, None) is not None:
            self._look()

    def failed(self, expert: str) -> None:
        """Note that an expert should have answered and did not."""
        now = self.clock()
        trouble = self._troubles.get(expert)
        if trouble is None:
            trouble = self._troubles[expert] = _Trouble(deque(maxlen=self.failures))
        trouble.failed_at.append(now)
        often = len(trouble.failed_at) == self.failures
        if trouble.down_until is not None or (often and now - trouble.failed_at[0] <= self.window):
            trouble.down_until = now + self.cool_down
            self._look()

    def forget(self, expert: str) -> None:
        """Start anew with an expert, since its entry has changed."""
        self.answered(expert)

    def _look(self) -> None:
        now = self.clock()
        until = {
            expert: trouble.down_until
            for expert, trouble in self._troubles.items()
            if trouble.down_until is not None and trouble.down_until > now
        }
        self._until = min(until.values(), default=0.0)
        if until.keys() != self._down:
            self._down = frozenset(until)
