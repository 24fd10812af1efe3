"""What is evaluated: prompts, what a router said of them, and what the experts cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from router.data import Dataset
from router.evaluation import metrics
from router.evaluation.intervals import DRAWS, Interval, bootstrap, paired
from router.evaluation.metrics import Floats, Ints
from router.evaluation.predictions import Predictions

Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prices:
    """What the experts of a data set cost.

    Args:
        usd: US dollars of a request, (E,) or (n, E); ``None`` where unknown.
        active_parameters: Billions, (E,), NaN where unknown.
    """

    usd: Floats | None = None
    active_parameters: Floats | None = None

    def axes(self) -> dict[str, Floats]:
        """Return the costs a frontier can be drawn over, by name; the first is the main one.

        Those that are known of two experts at least; NaN where not known.
        """
        found: dict[str, Floats] = {}
        if _tell_apart(self.active_parameters):
            found["active_parameters"] = self.active_parameters
        if _tell_apart(self.usd):
            found["cost"] = self.usd
        return found


def _tell_apart(costs: Floats | None) -> TypeGuard[Floats]:
    if costs is None:
        return False
    known = np.isfinite(costs if costs.ndim == 1 else costs.sum(axis=0))
    return bool(known.sum() > 1 and (costs[..., known] > 0).any())


@dataclass(frozen=True, slots=True)
class Case:
    """What is evaluated, with what is needed again and again.

    Args:
        data: The prompts and their true scores.
        said: What the router said of them.
        prices: What the experts cost.
        labels: Index of the true category in ``names``, -1 where there is none or out of scope.
        names: The categories found in the data, sorted.
        outside: Which prompts are out of scope, (n,).
        table: Mean quality of each expert in each category, from training or from the same data.
        best: Index of the best single expert; -1 where no expert was measured.
        draws: Resamples of each interval.
        seed: Of the resamples.
    """

    data: Dataset
    said: Predictions
    prices: Prices
    labels: Ints
    names: tuple[str, ...]
    outside: metrics.Bools
    table: Floats
    best: int
    draws: int = DRAWS
    seed: int = 0
    single: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        none = np.full(len(self.data), np.nan)
        single = self.data.scores[:, self.best] if self.best >= 0 else none
        object.__setattr__(self, "single", single)

    def gain(self, quality: Floats) -> Interval:
        """Return the difference to the best single expert."""
        return paired(quality, self.single, draws=self.draws, seed=self.seed)

    def interval(self, quality: Floats) -> Interval:
        """Return the mean with its interval."""
        return bootstrap(quality, draws=self.draws, seed=self.seed)

    def spent(self, choices: Ints) -> Section:
        """Return what choices cost on average, ``None`` where it is not known of every choice."""
        return spent(self.prices, choices)

    def in_router_order(self) -> Ints:
        """Return the true labels as indices of the router's categories, -1 where it has none such."""
        index = {name: number for number, name in enumerate(self.said.categories)}
        order = np.array([index.get(name, -1) for name in self.names] + [-1], dtype=np.intp)
        result: Ints = order[self.labels]
        return result


def ends(interval: Interval) -> list[float]:
    """Return an interval's ends as JSON holds them."""
    return [interval.low, interval.high]


def spent(prices: Prices, choices: Ints) -> Section:
    """Return what choices cost on average, ``None`` where it is not known of every choice."""
    size, usd = prices.active_parameters, prices.usd
    return {
        "active_parameters": None if size is None else float(metrics.chosen(size, choices).mean()),
        "cost": None if usd is None else float(metrics.chosen(usd, choices).mean()),
    }
