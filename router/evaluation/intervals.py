"""Intervals of shares, means and paired differences: is it more than luck of the prompts?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.evaluation.metrics import Floats

Verdict = Literal["win", "tie", "lose"]
DRAWS = 2000
_Z = 1.959963984540054
_CELLS = 1 << 22  # at most this many counts in memory at a time: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the range that holds it with a given confidence.

    Args:
        mean: Of the values, NaN where there are none.
        low: Lower end.
        high: Upper end.
        n: How many values.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> Verdict:
        """For a difference: ``win`` or ``lose`` where the interval excludes zero, else ``tie``."""
        if self.low > 0:
            return "win"
        return "lose" if self.high < 0 else "tie"


def bootstrap(
    values: Floats, *, draws: int = DRAWS, seed: int = 0, level: float = 0.95
) -> Interval:
    """Return the mean of values with its percentile bootstrap interval.

    Efron, "Bootstrap Methods" (1979). Drawing n of n values with replacement is drawing how often
    each distinct value comes, which is fast for graded answers that are right or wrong.

    Args:
        values: (n,); those that are NaN are left out.
        draws: Resamples.
        seed: Same seed, same interval.
        level: Confidence.
    """
    known = values[np.isfinite(values)]
    n = len(known)
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    distinct, counts = np.unique(known, return_counts=True)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // len(distinct))
    parts = [
        rng.multinomial(n, counts / n, size=min(step, draws - start)) @ distinct
        for start in range(0, draws, step)
    ]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.concatenate(parts) / n, [tail, 1.0 - tail])
    return Interval(float(known.mean()), float(low), float(high), n)


def paired(
    ours: Floats, theirs: Floats, *, draws: int = DRAWS, seed: int = 0, level: float = 0.95
) -> Interval:
    """Return the mean difference on the same prompts, with its interval.

    Prompts that either has no value for are left out. Koehn, "Statistical Significance Tests for
    Machine Translation Evaluation" (2004): pairs are resampled, so what is hard for both cancels.

    Raises:
        ValueError: Where they are not equally long.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"paired: {ours.shape} values against {theirs.shape}")
    return bootstrap(ours - theirs, draws=draws, seed=seed, level=level)


def wilson(hits: float, n: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a proportion (Wilson 1927); ``None`` for no observations."""
    if not n:
        return None
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)
