"""Do judges agree more than chance would have them?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np

from router.evaluation.intervals import DRAWS, Interval
from router.evidence.means import Floats

Scale = Literal["nominal", "interval"]


def agreement(
    ratings: Floats,
    scale: Scale = "nominal",
    *,
    groups: Sequence[Hashable] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return Krippendorff's alpha: 1 they agree, 0 as chance would, below 0 they contradict.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011). Any number of judges, each of
    whom may have left out some. The interval is a bootstrap over what was judged (95 %), group by group
    where units belong together: verdicts on the same prompt do not count as often as they are.

    Args:
        ratings: Shape (judges, units), NaN where a judge left a unit out.
        scale: ``nominal``: ratings are the same or not; ``interval``: they differ by how far they
            are apart, squared.
        groups: What each unit belongs to, shape (units,); ``None``: each stands alone.
        draws: Resamples.
        seed: Same seed, same interval.

    Returns:
        NaN, -1 to 1, where no two judges rated the same, or all ratings are equal.
    """
    values = np.unique(ratings[np.isfinite(ratings)])
    counts = np.stack([(ratings == value).sum(axis=0) for value in values], axis=1, dtype=float) \
        if len(values) else np.zeros((0, 0))  # fmt: skip
    rated = counts.sum(axis=1) > 1
    counts = counts[rated]
    units = len(counts)
    apart = np.abs(values[:, None] - values[None, :])
    distance = (apart > 0).astype(float) if scale == "nominal" else apart**2
    alone = Interval(math.nan, -1.0, 1.0, units)
    if not units:
        return alone
    found = _alpha(np.ones((1, units)), counts, distance)[0]
    if math.isnan(found):
        return alone
    numbers: dict[Hashable, int] = {}
    belongs = np.array(
        [numbers.setdefault(group, len(numbers)) for group in groups or range(ratings.shape[1])]
    )[rated]
    _, belongs = np.unique(belongs, return_inverse=True)
    several = int(belongs.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(several, np.full(several, 1.0 / several), size=draws)
    alphas = _alpha(drawn[:, belongs].astype(float), counts, distance)
    low, high = np.quantile(alphas[np.isfinite(alphas)], [0.025, 0.975])
    return Interval(float(found), float(low), float(high), units)


def _alpha(weights: Floats, counts: Floats, distance: Floats) -> Floats:
    """Return alpha for several weightings of the units, shape (weightings,).

    Args:
        weights: How often each unit counts, shape (weightings, units).
        counts: How many judges gave each value, shape (units, values).
        distance: Between values, shape (values, values).
    """
    raters = counts.sum(axis=1)
    within = np.einsum("uv,vw,uw->u", counts, distance, counts) / (raters - 1.0)
    n, totals = weights @ raters, weights @ counts
    observed = weights @ within / n
    expected = np.einsum("bv,vw,bw->b", totals, distance, totals) / (n * (n - 1.0))
    known = expected > 0
    alpha: Floats = np.full(len(weights), math.nan)
    alpha[known] = 1.0 - observed[known] / expected[known]
    return alpha
