"""When a budget will be used up, going by what was spent lately. Pure.

What will be spent in ``k`` steps to come is taken to be ``k`` times the mean of the last ones, with the usual
prediction interval of a sum of ``k`` new observations from a normal sample of ``n``: the mean is known to
``s / sqrt(n)``, each new step strays by ``s``, so the sum strays by ``s * sqrt(k + k**2 / n)``, times a quantile of
Student's t (Hahn and Meeker, Statistical Intervals, 1991, chapter 4). It covers chance and not change: steps are
taken to be alike, so weekends, nights and growth are only in it as far as the last steps had them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import fmean, stdev

CONFIDENCE = 0.8
LEAST_STEPS = 3
"""Of fewer nothing is said."""
_T90 = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363, 1.356, 1.350)
_T90_MORE = ((24, 1.345), (60, 1.318), (10**9, 1.296))
"""Quantiles of Student's t, 90 %, by degrees of freedom; of a range the largest, which is careful."""
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of a budget; money in US dollars.

    Args:
        steps: How many steps it goes by.
        usd_per_step: Mean of what was spent in one of them.
        runs_out_at: When the budget is used up; ``None``: not before it renews.
        earliest_at: The same, if it goes badly.
        latest_at: The same, if it goes well.
        at_reset_usd: What will have been spent when it renews.
        at_reset_low_usd: The least of the interval.
        at_reset_high_usd: The most of the interval.
    """

    steps: int
    usd_per_step: float
    runs_out_at: datetime | None
    earliest_at: datetime | None
    latest_at: datetime | None
    at_reset_usd: float
    at_reset_low_usd: float
    at_reset_high_usd: float


def forecast(
    lately: Sequence[float],
    step: timedelta,
    *,
    used: float,
    room: float,
    now: datetime,
    until: datetime,
) -> Forecast | None:
    """Return what is to be expected, ``None`` where too little is known.

    Args:
        lately: What was spent in each of the last whole steps, in US dollars.
        step: How long each was.
        used: Spent of the budget so far.
        room: What is left of it; below zero counts as nothing.
        now: The present moment.
        until: When the budget renews.
    """
    if len(lately) < LEAST_STEPS:
        return None
    count, mean, spread = len(lately), fmean(lately), _t90(len(lately) - 1) * stdev(lately)
    ahead = (until - now) / step

    def strayed(steps: float) -> float:
        return spread * sqrt(steps + steps * steps / count)

    def moment(spent: Callable[[float], float]) -> datetime | None:
        steps = _first(spent, max(room, 0.0), ahead)
        return None if steps is None else now + steps * step

    expected, strays = mean * ahead, strayed(ahead)
    return Forecast(
        steps=count,
        usd_per_step=mean,
        runs_out_at=moment(lambda steps: mean * steps),
        earliest_at=moment(lambda steps: mean * steps + strayed(steps)),
        latest_at=moment(lambda steps: mean * steps - strayed(steps)),
        at_reset_usd=used + expected,
        at_reset_low_usd=used + max(0.0, expected - strays),
        at_reset_high_usd=used + expected + strays,
    )


def _first(spent: Callable[[float], float], room: float, ahead: float) -> float | None:
    """Return after how many steps so much is spent, ``None`` if not within those ahead.

    The curve begins at zero and is convex or never falls, so it passes any height above that once.
    """
    if room == 0.0:
        return 0.0
    if ahead <= 0 or spent(ahead) < room:
        return None
    low, high = 0.0, ahead
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if spent(middle) >= room else (middle, high)
    return high


def _t90(freedom: int) -> float:
    if freedom <= len(_T90):
        return _T90[freedom - 1]
    return next(quantile for most, quantile in _T90_MORE if freedom <= most)
