"""The latest calls of an endpoint by whose they were: how many, how many failed or were slow. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

FAILED, SLOW = 0, 1
_BUCKETS = 6
_MOST_ORIGINS = 64
"""Callers that are told apart in a bucket; those beyond count together."""


class _Tally:
    """Calls, and those of them that failed or were slow."""

    __slots__ = ("bad", "calls")

    def __init__(self) -> None:
        self.calls = 0
        self.bad = [0, 0]


_Bucket = dict[str | None, _Tally]


@dataclass(slots=True)
class Window:
    """The calls of the last seconds by their origin, in buckets.

    Args:
        seconds: How long they count.
    """

    seconds: float
    _buckets: list[_Bucket] = field(default_factory=lambda: [{} for _ in range(_BUCKETS)])
    _turn: int = 0

    def add(self, now: float, origin: str | None, bad: int | None) -> None:
        """Note a call.

        Args:
            now: The time.
            origin: Whose it was; ``None`` for nobody's in particular.
            bad: What was wrong with it, ``FAILED`` or ``SLOW``, if anything.
        """
        turn = int(now / self.seconds * _BUCKETS)
        if turn != self._turn:
            self._forget(turn)
        bucket = self._buckets[turn % _BUCKETS]
        tally = bucket.get(origin)
        if tally is None:
            tally = bucket.setdefault(origin if len(bucket) < _MOST_ORIGINS else None, _Tally())
        tally.calls += 1
        if bad is not None:
            tally.bad[bad] += 1

    def too_many(self, bad: int, rate: float, volume: int) -> bool:
        """Tell whether a share of the calls is bad, and is without the worst caller's as well.

        Args:
            bad: What is looked for, ``FAILED`` or ``SLOW``.
            rate: The share, 0 to 1.
            volume: Calls from which on there is a share to speak of.
        """
        calls: Counter[str | None] = Counter()
        wrong: Counter[str | None] = Counter()
        for bucket in self._buckets:
            for origin, tally in bucket.items():
                calls[origin] += tally.calls
                wrong[origin] += tally.bad[bad]
        every, all_wrong = calls.total(), wrong.total()
        if every < volume or all_wrong < rate * every:
            return False
        named = [origin for origin in calls if origin is not None]
        if not named or len(calls) == 1:
            return True
        worst = max(named, key=wrong.__getitem__)
        others = all_wrong - wrong[worst]
        return others > 0 and others >= rate * (every - calls[worst])

    def _forget(self, turn: int) -> None:
        """Empty the buckets that the time between has gone through."""
        for stale in range(max(self._turn + 1, turn - _BUCKETS + 1), turn + 1):
            self._buckets[stale % _BUCKETS].clear()
        self._turn = turn
