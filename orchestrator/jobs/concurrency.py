"""How many calls to one expert at once: as many as it answers without refusing or slowing down.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), as TCP finds the capacity of a way it
knows nothing of: each worker adapts by itself, and several that share an expert come to equal shares.
Refusals make it smaller at once. Slowness only keeps it from growing, since long answers are slow too;
where that lasts, half as many calls are made for a moment, which tells one from the other.
"""

from __future__ import annotations

from dataclasses import dataclass

_FIRST = 2.0
_DECREASE = 0.7
"""Where calls are refused; as in CUBIC (RFC 9438), so that less is left unused."""
_HALF = 0.5
_SLOWER = 1.5
"""Times what calls took when there were few: half as many would be answered nearly as soon."""
_CAREFUL = 1 / 20
"""Of the usual growth, next to the size at which calls were refused the last time."""
_SAMPLES = 32
"""Calls at least that tell what one takes."""
_SMOOTHING = 1 / 24
_PATIENCE = 20
"""Times the window's size of slow answers until it is measured anew."""


@dataclass(slots=True)
class Window:
    """The calls that may be under way to one expert.

    Args:
        most: Never more than these.
        size: How many may be now.
    """

    most: int
    size: float = _FIRST
    _doubling: bool = True
    """Whether it doubles within the time of a call; later it is one more in that time."""
    _refused_at: float = float("inf")
    _calmed_at: float = float("-inf")
    _closed_until: float = float("-inf")
    _measured_since: float = float("-inf")
    _samples: int = 0
    _sum: float = 0.0
    _usual: float | None = None
    _slow_answers: int = 0
    _before: tuple[float, float] | None = None
    """Size and usual seconds before it was made smaller to see what calls take."""

    def __post_init__(self) -> None:
        self.size = min(self.size, float(self.most))

    @property
    def usual(self) -> float | None:
        """Seconds that calls take of late, ``None`` while there were none."""
        return self._usual

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

    def answered(self, now: float, began: float, under_way: int) -> None:
        """Note a call that was answered; where the window was full, it grows.

        Args:
            now: When it ended.
            began: When it began, of the same clock.
            under_way: Calls that were under way, this one included.
        """
        self._measure(now - began, began)
        if self._slow:
            self._doubling = False
            self._slow_answers += 1
            if self._slow_answers >= _PATIENCE * self.size:
                self._measure_anew(now)
        elif under_way >= self.limit and self._before is None:
            self.size = min(float(self.most), self.size + self._step)

    def overloaded(self, now: float, began: float, pause: float = 0.0) -> None:
        """Note a call that was refused or timed out for too much work: half as many are made.

        Calls that began before the last time say nothing new.

        Args:
            now: When that was found out.
            began: When the call began, of the same clock.
            pause: Seconds that the expert asked to be left alone.
        """
        self._closed_until = max(self._closed_until, now + pause)
        if began <= self._calmed_at:
            return
        self._calmed_at, self._refused_at, self._doubling = now, self.size, False
        self.size = max(1.0, self.size * _DECREASE)

    @property
    def _step(self) -> float:
        if self._doubling:
            return 1.0
        careful = self.size >= self._refused_at - 1.0
        return (_CAREFUL if careful else 1.0) / self.size

    @property
    def _slow(self) -> bool:
        if self._usual is None or self._samples < _SAMPLES:
            return False
        return self._usual > _SLOWER * self._sum / self._samples

    def _measure(self, seconds: float, began: float) -> None:
        if began < self._measured_since:
            return
        if self._samples < _SAMPLES:
            self._samples += 1
            self._sum += seconds
        usual = seconds if self._usual is None else self._usual
        self._usual = usual + _SMOOTHING * (seconds - usual)
        if self._before is not None and self._samples == _SAMPLES:
            self._compare(*self._before)

    def _measure_anew(self, now: float) -> None:
        self._before = self.size, self._usual or 0.0
        self.size = max(1.0, self.size * _HALF)
        self._measured_since, self._samples, self._sum, self._usual = now, 0, 0.0, None
        self._slow_answers = 0

    def _compare(self, size: float, usual: float) -> None:
        """Go back to the size before if calls took no longer for it."""
        self._before, self._usual = None, self._sum / self._samples
        if usual <= _SLOWER * self._usual:
            self.size = min(float(self.most), max(self.size, size))
