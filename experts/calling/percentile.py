"""How long answers usually take: the last durations, and what most of them stay under. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_KEPT = 100
_LEAST = 20
_EVERY = 10


@dataclass(slots=True)
class Durations:
    """The last durations of something."""

    _kept: list[float] = field(default_factory=list)
    _noted: int = 0
    _p95: float | None = None

    def note(self, seconds: float) -> None:
        """Note one."""
        if len(self._kept) < _KEPT:
            self._kept.append(seconds)
        else:
            self._kept[self._noted % _KEPT] = seconds
        self._noted += 1
        if self._noted >= _LEAST and self._noted % _EVERY == 0:
            self._p95 = sorted(self._kept)[math.ceil(0.95 * len(self._kept)) - 1]

    @property
    def p95(self) -> float | None:
        """What 95 of 100 stay under, worked out anew every tenth time; ``None`` for too few."""
        return self._p95
