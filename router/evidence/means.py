"""Intervals of means and shares that hold where there are few values."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.evaluation.intervals import Interval, wilson

Floats = npt.NDArray[np.float64]
_ENDS, _MIDDLE = 0.5, 1.0


class Share(NamedTuple):
    """How often something was so, with its Wilson interval (95 %)."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; ``None`` where nothing was looked at."""
        return self.hits / self.n if self.n else None


def share(hits: int, n: int) -> Share:
    """Return a share with its interval; 0 to 1 where nothing was looked at."""
    low, high = wilson(hits, n) or (0.0, 1.0)
    return Share(hits, n, low, high)


def mean_interval(values: Floats, low: float, high: float, *, level: float = 0.95) -> Interval:
    """Return the mean of bounded values with an interval that few or equal values do not fool.

    Two values are invented, half a one at each end and one in the middle, so that three equal values
    are no certainty; then Student's interval is taken. For values that are -1, 0 or 1 that is the
    interval of Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions" (Statistics in Medicine, 2005). The mean that is returned is that of the values.

    Args:
        values: (n,); those that are NaN are left out.
        low: Least that a value can be.
        high: Most that a value can be.
        level: Confidence.
    """
    known = values[np.isfinite(values)]
    n = len(known)
    if not n:
        return Interval(math.nan, low, high, 0)
    points = np.concatenate([known, [low, high, (low + high) / 2.0]])
    weights = np.concatenate([np.ones(n), [_ENDS, _ENDS, _MIDDLE]])
    total = float(weights.sum())
    middle = float(weights @ points) / total
    variance = float(weights @ (points - middle) ** 2) / total
    half = quantile(n, level) * math.sqrt(variance / total)
    return Interval(float(known.mean()), max(low, middle - half), min(high, middle + half), n)


def student_interval(values: Floats, low: float = -math.inf, *, level: float = 0.95) -> Interval:
    """Return the mean of values that may be as large as they like, with Student's interval (1908).

    Args:
        values: (n,); those that are NaN are left out.
        low: Least that a value can be.
        level: Confidence.

    Returns:
        Ends ``low`` and infinity where there are fewer than two values, and the mean NaN for none.
    """
    known = values[np.isfinite(values)]
    n = len(known)
    middle = float(known.mean()) if n else math.nan
    if n < 2:
        return Interval(middle, low, math.inf, n)
    half = quantile(n, level) * float(known.std(ddof=1)) / math.sqrt(n)
    return Interval(middle, max(low, middle - half), middle + half, n)


@lru_cache(maxsize=1024)
def quantile(n: int, level: float) -> float:
    """Return how many standard errors lie on each side of a mean of n values (Student, 1908)."""
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2.0, max(n - 1, 1)))
