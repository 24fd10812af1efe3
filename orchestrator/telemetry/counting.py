"""Counters and histograms of one event loop.

Those of the Prometheus client take a lock for every step, 3 us each with labels; a request takes ten. Here it
is an addition in a dictionary, and the client's format only where somebody reads.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of a histogram's buckets, in seconds."""
_BOUNDS = (*map(str, SECONDS), "+Inf")


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

    def add(self, *labels: str, seconds: float) -> None:
        """Note that something took so long."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(SECONDS) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(SECONDS, seconds)] += 1
        self._sums[labels] += seconds

    def family(self) -> HistogramMetricFamily:
        """Return it as Prometheus reads it; from any thread."""
        family = HistogramMetricFamily(self.name, self.what, labels=self.labels)
        for labels, counts in self._counts.copy().items():
            total, buckets = 0, []
            for bound, count in zip(_BOUNDS, counts.copy(), strict=True):
                total += count
                buckets.append((bound, total))
            family.add_metric(labels, buckets, self._sums[labels])
        return family
