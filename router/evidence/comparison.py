"""Two experts on the same prompts: win, tie or lose, with an interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from router.evaluation.intervals import Interval, Verdict
from router.evidence.means import Floats, mean_interval


class Comparison(NamedTuple):
    """How one expert did against another on the prompts that both have a score for."""

    difference: Interval
    """Mean score of the one less that of the other, -1 to 1."""
    won: int
    tied: int
    lost: int
    p_value: float
    """Of the exact test of McNemar (1947): as many won as lost would be."""

    @property
    def verdict(self) -> Verdict:
        """``win`` or ``lose`` where the interval of the difference excludes zero, else ``tie``."""
        return self.difference.verdict


def compared(ours: Floats, theirs: Floats, *, level: float = 0.95) -> Comparison:
    """Compare two experts, pair by pair, so that what is hard for both cancels.

    Args:
        ours: Scores of the one, 0 to 1, NaN where not measured, shape (n,).
        theirs: Of the other, on the same prompts.
        level: Confidence of the interval.

    Raises:
        ValueError: Where they are not equally long.
    """
    from scipy.stats import binomtest

    if ours.shape != theirs.shape:
        raise ValueError(f"compared: {ours.shape} scores against {theirs.shape}")
    gaps = ours - theirs
    gaps = gaps[np.isfinite(gaps)]
    won, lost = int((gaps > 0).sum()), int((gaps < 0).sum())
    p_value = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return Comparison(
        mean_interval(gaps, -1.0, 1.0, level=level), won, len(gaps) - won - lost, lost, p_value
    )
