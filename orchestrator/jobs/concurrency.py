"""How many calls to one expert at once: as many as it answers without slowing down or refusing.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), as TCP finds the capacity of a way it
knows nothing of: each worker adapts by itself, and several that share an expert come to equal shares.
"""

from __future__ import annotations

from dataclasses import dataclass

_DECREASE = 0.5
_SLOWER = 2.0
"""Times the quickest that calls have been for a while: then it has more than enough to do."""
_SMOOTHING = 1 / 8
_FORGETTING = 1.0005
"""By which the memory of the quickest fades with each call: answers may have become longer."""


@dataclass(slots=True)
class Window:
    """The calls that may be under way to one expert.

    Args:
        most: Never more than these.
        size: How many may be now.
    """

    most: int
    size: float = 8.0
    _starting: bool = True
    _usual: float | None = None
    _quickest: float | None = None
    _calmed_at: float = float("-inf")
    _closed_until: float = float("-inf")

    def __post_init__(self) -> None:
        self.size = min(self.size, float(self.most))

    @property
    def limit(self) -> int:
        """How many calls may be under way; at least one, which tells how things are."""
        return max(1, int(self.size))

    def room(self, now: float, under_way: int) -> int:
        """Return how many more calls may begin.

        Args:
            now: Seconds of a clock that only goes forward.
            under_way: Calls that have begun and not ended.
        """
        return 0 if now < self._closed_until else max(0, self.limit - under_way)

    def opens_in(self, now: float) -> float:
        """Return the seconds until calls may begin again; 0 if they may."""
        return max(0.0, self._closed_until - now)

    def answered(self, seconds: float, under_way: int) -> None:
        """Note a call that was answered; where the window was full, it grows.

        Args:
            seconds: How long it took.
            under_way: Calls that were under way, this one included.
        """
        self._measured(seconds)
        if self._slow or under_way < self.limit:
            self._starting = self._starting and not self._slow
            return
        # Doubled within the time of one call at first, one more in that time later.
        grown = self.size + (1.0 if self._starting else 1.0 / self.size)
        self.size = min(float(self.most), grown)

    def overloaded(self, now: float, began: float, pause: float = 0.0) -> None:
        """Note a call that was refused or timed out for too much work: half as many are made.

        Calls that began before the last time say nothing new.

        Args:
            now: When that was found out.
            began: When the call began, of the same clock.
            pause: Seconds that the expert asked to be left alone.
        """
        self._closed_until = max(self._closed_until, now + pause)
        if began < self._calmed_at:
            return
        self._calmed_at, self._starting = now, False
        self.size = max(1.0, self.size * _DECREASE)

    @property
    def _slow(self) -> bool:
        usual, quickest = self._usual, self._quickest
        return usual is not None and quickest is not None and usual > _SLOWER * quickest

    def _measured(self, seconds: float) -> None:
        usual = seconds if self._usual is None else self._usual
        self._usual = usual + _SMOOTHING * (seconds - usual)
        quickest = self._usual if self._quickest is None else self._quickest * _FORGETTING
        self._quickest = min(quickest, self._usual)
