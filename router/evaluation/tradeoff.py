"""Quality against cost in one number, as the literature defines it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from router.evaluation.metrics import Floats

ARENA_CHEAPEST, ARENA_DEAREST = 0.0044, 200.0
"""US dollars per 1,000 requests between which RouterArena scales costs."""


@dataclass(frozen=True, slots=True)
class TwoExperts:
    """Quality over the share of calls that go to the stronger of two experts.

    Args:
        share: Rising from 0 to 1, (k,).
        quality: Mean quality at that share, (k,).
    """

    share: Floats
    quality: Floats
    gains: Floats = field(repr=False)
    """Strong less weak of each prompt, in the order in which they are sent, (n,)."""

    @property
    def recovered(self) -> Floats:
        """PGR, the share of the gap between the two that is closed: (q - weak) / (strong - weak).

        RouteLLM (arXiv 2406.18665), section 3. NaN where the experts are equally good.
        """
        weak, gap = self.quality[0], self.quality[-1] - self.quality[0]
        if gap == 0:
            return np.full(len(self.share), np.nan)
        pgr: Floats = (self.quality - weak) / gap
        return pgr

    @property
    def apgr(self) -> float:
        """Area under PGR over the share of strong calls; 0.5 for calls at random (RouteLLM)."""
        return float(np.trapezoid(self.recovered, self.share))

    def cpt(self, percent: float) -> float:
        """Return CPT(x), the smallest share of strong calls that recovers x % of the gap.

        The first crossing, interpolated between measured shares; NaN where it is never reached.
        """
        pgr, goal = self.recovered, percent / 100.0
        if not np.isfinite(pgr).all():
            return float("nan")
        return first_crossing(self.share, pgr, goal)


def two_experts(weak: Floats, strong: Floats, advantage: Floats) -> TwoExperts:
    """Send the prompts to the strong expert in the order of its expected advantage.

    Prompts with equal advantage are sent together, and shares between are reached by sending a
    random part of them, so that a constant advantage is calling at random.

    Args:
        weak: Scores of the weaker expert, (n,).
        strong: Scores of the stronger expert, (n,).
        advantage: Expected quality of the strong one less that of the weak one, (n,).

    Raises:
        ValueError: Where no prompt was measured with both.
    """
    both = np.isfinite(weak) & np.isfinite(strong)
    if not both.any():
        raise ValueError("two_experts: no prompt was measured with both experts")
    weak, strong, advantage = weak[both], strong[both], advantage[both]
    order = np.argsort(-advantage, kind="stable")
    gains = (strong - weak)[order]
    ends = np.flatnonzero(np.diff(advantage[order], append=np.inf)) + 1
    kept = np.concatenate(([0], ends))
    total = np.concatenate(([0.0], np.cumsum(gains)))
    return TwoExperts(kept / len(weak), (weak.sum() + total[kept]) / len(weak), gains)


def apgr_interval(
    curve: TwoExperts, *, draws: int = 500, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of APGR over prompts.

    Args:
        curve: From :func:`two_experts`.
        draws: Resamples.
        seed: Same seed, same interval.
        level: Confidence.
    """
    n = len(curve.gains)
    ends = np.rint(curve.share * n).astype(np.intp)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = np.bincount(rng.integers(n, size=n), minlength=n)
        sent = np.concatenate(([0], np.cumsum(drawn)))[ends] / n
        gained = np.concatenate(([0.0], np.cumsum(drawn * curve.gains)))[ends]
        if gained[-1] != 0:
            found.append(float(np.trapezoid(gained / gained[-1], sent)))
    if not found:
        return float("nan"), float("nan")
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return float(low), float(high)


def first_crossing(x: Floats, y: Floats, goal: float) -> float:
    """Return the smallest x at which the line through (x, y) reaches a goal; NaN where never.

    Args:
        x: Rising, (k,).
        y: (k,).
        goal: What y is to reach.
    """
    reached = np.flatnonzero(y >= goal)
    if not reached.size:
        return float("nan")
    at = int(reached[0])
    if at == 0:
        return float(x[0])
    part = (goal - y[at - 1]) / (y[at] - y[at - 1])
    return float(x[at - 1] + part * (x[at] - x[at - 1]))


def hull(costs: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """Return the non-decreasing upper hull of points, costs rising: (k,) and (k,).

    Whatever lies on it can be had by mixing two of the points at random, and no point lies above
    it (RouterBench, arXiv 2403.12031, section 3.2).

    Raises:
        ValueError: Where there are no points.
    """
    if not len(costs):
        raise ValueError("hull: no points")
    kept: list[tuple[float, float]] = []
    for point in sorted(zip(costs.tolist(), quality.tolist(), strict=True)):
        while kept and (
            kept[-1][0] == point[0] or (len(kept) > 1 and _below(kept[-2], kept[-1], point))
        ):
            kept.pop()
        kept.append(point)
    while len(kept) > 1 and kept[-1][1] <= kept[-2][1]:
        kept.pop()
    x, y = np.array(kept).T
    return x, y


def _below(
    first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]
) -> bool:
    """Whether the middle point lies on or below the line between the others."""
    rise = (middle[1] - first[1]) * (last[0] - first[0])
    return rise <= (last[1] - first[1]) * (middle[0] - first[0])


def aiq(costs: Floats, quality: Floats, largest: float | None = None) -> float:
    """Return AIQ, average improvement in quality: area under the hull over the largest cost.

    RouterBench (arXiv 2403.12031) as its code has it: from the cheapest point to the largest
    cost, where the hull goes on level; cheaper than the cheapest point there is no quality.

    Args:
        costs: Of the operating points, (k,).
        quality: Of the operating points, (k,).
        largest: The cost to divide by; of all routers compared. Of these points where not given.
    """
    x, y = hull(costs, quality)
    end = float(np.max(costs)) if largest is None else largest
    if end <= 0:
        return float(y[-1])
    if end > x[-1]:
        x, y = np.append(x, end), np.append(y, y[-1])
    return float(np.trapezoid(y, x) / end)


def arena_score(quality: float, usd_per_thousand: float, beta: float = 0.1) -> float:
    """Return the RouterArena score: (1 + b) A C / (b A + C), C the cost on a log scale, 0 to 1.

    RouterArena (arXiv 2510.00202). C is 1 at 0.0044 dollars per 1,000 requests and 0 at 200, and
    is held within 0 and 1. The leaderboard shows 100 times this value.

    Args:
        quality: Mean accuracy A, 0 to 1.
        usd_per_thousand: US dollars per 1,000 requests.
        beta: Small values weigh the quality more.
    """
    price = min(max(usd_per_thousand, ARENA_CHEAPEST), ARENA_DEAREST)
    thrift = math.log2(ARENA_DEAREST / price) / math.log2(ARENA_DEAREST / ARENA_CHEAPEST)
    below = beta * quality + thrift
    return (1.0 + beta) * quality * thrift / below if below > 0 else 0.0
