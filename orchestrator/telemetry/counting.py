"""Counters and histograms of one event loop.

Those of the Prometheus client take a lock for every step, 3 us each with labels; a request takes ten. Here it
is an addition in a dictionary, and the client's format only where somebody reads.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar

SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of a histogram's buckets, in seconds."""
_BOUNDS = (*map(str, SECONDS), "+Inf")
_Example = tuple[dict[str, str], float, float]
"""What was measured, the seconds it took, and when that was."""


@dataclass(slots=True)
class Counts:
    """A counter.

    Args:
        name: Without ``_total``.
        what: It counts.
        labels: Their names.
    """

    name: str
    what: str
    labels: tuple[str, ...]
    _values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """Count something."""
        self._values[labels] = self._values.get(labels, 0.0) + amount

    def family(self) -> CounterMetricFamily:
        """Return it as Prometheus reads it; from any thread."""
        family = CounterMetricFamily(self.name, self.what, labels=self.labels)
        for labels, value in self._values.copy().items():
            family.add_metric(labels, value)
        return family


@dataclass(slots=True)
class Times:
    """A histogram of seconds.

    Args:
        name: Its name.
        what: It measures.
        labels: Their names.
    """

    name: str
    what: str
    labels: tuple[str, ...]
    _counts: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    _sums: dict[tuple[str, ...], float] = field(default_factory=dict)
    _last: dict[tuple[str, ...], list[_Example | None]] = field(default_factory=dict)

    def add(self, *labels: str, seconds: float, example: dict[str, str] | None = None) -> None:
        """Note that something took so long.

        Args:
            labels: Their values.
            seconds: How long.
            example: Names what it was, as an exemplar; the last one of each bucket is kept. All names and
                values together may have 128 characters.
        """
        counts = self._counts.get(labels)
        if counts is None:
            self._sums[labels] = 0.0
            self._last[labels] = [None] * len(_BOUNDS)
            # Last, since a thread that reads goes by these.
            counts = self._counts[labels] = [0] * len(_BOUNDS)
        bucket = bisect_left(SECONDS, seconds)
        counts[bucket] += 1
        self._sums[labels] += seconds
        if example is not None:
            self._last[labels][bucket] = (example, seconds, time.time())

    def family(self) -> HistogramMetricFamily:
        """Return it as Prometheus reads it; from any thread."""
        family = HistogramMetricFamily(self.name, self.what, labels=self.labels)
        for labels, counts in self._counts.copy().items():
            total = 0
            buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
            lasts = self._last[labels].copy()
            for bound, count, last in zip(_BOUNDS, counts.copy(), lasts, strict=True):
                total += count
                buckets.append((bound, total) if last is None else (bound, total, Exemplar(*last)))
            family.add_metric(labels, buckets, self._sums[labels])
        return family
