"""Times as histograms that can be added up: percentiles of a billion requests from a few numbers.

Buckets are spaced by a constant factor, so a percentile is wrong by at most that factor wherever it lies
(Masson, Rim & Lee 2019, "DDSketch", https://arxiv.org/abs/1908.10693, with fixed buckets). A histogram is
one whole number: the count of bucket ``b`` stands at its decimal digits from ``10^(12 b)`` on. So the sum of
such numbers is the histogram of all, whoever adds them up: Postgres's ``sum`` does.
"""

from __future__ import annotations

from collections.abc import Sequence

PER_OCTAVE = 4
"""Buckets between a time and its double: each is 19 % wide."""
LAST = 80
"""The last bucket, from 1,048 seconds on; the first holds whatever is below 1.19 milliseconds."""
_DIGITS = 12


BOUNDS = (0.0, *(2.0 ** (bucket / PER_OCTAVE) for bucket in range(1, LAST + 1)))
"""Milliseconds that each bucket begins at."""


def counts_of(histogram: str) -> dict[int, int]:
    """Return how many times fell into each bucket that is not empty, the lowest bucket first.

    Args:
        histogram: The number, in decimal digits.
    """
    end = len(histogram)
    # Most buckets are empty, and those of short times stand at the end.
    bucket = (end - len(histogram.rstrip("0"))) // _DIGITS
    end -= bucket * _DIGITS
    found: dict[int, int] = {}
    while end > 0:
        count = int(histogram[max(end - _DIGITS, 0) : end])
        if count:
            found[bucket] = count
        bucket, end = bucket + 1, end - _DIGITS
    return found


def percentiles(counts: dict[int, int], shares: Sequence[float]) -> list[float | None]:
    """Return the milliseconds that shares of the times stay within.

    Inside a bucket times are thought to be spread evenly.

    Args:
        counts: How many times fell into each bucket, the lowest bucket first.
        shares: 0 to 1, such as 0.5 for the median.

    Returns:
        One for each share; ``None`` where there are no times.
    """
    total = sum(counts.values())
    found: list[float | None] = []
    for share in shares:
        rank, below = share * total, 0
        value = None
        for bucket, count in counts.items():
            lower, upper = BOUNDS[bucket], BOUNDS[min(bucket + 1, LAST)]
            value = upper
            if below + count >= rank:
                value = lower + (upper - lower) * max(rank - below, 0.0) / count
                break
            below += count
        found.append(value)
    return found
