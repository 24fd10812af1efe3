"""The cost-quality frontier of a router: what it reaches at every budget.

For a weight w on cost, each prompt goes to the expert with the best ``predicted quality - w * cost``.
No other choices have a better predicted quality at the same average cost (Everett, "Generalized
Lagrange Multiplier Method", 1963). The weights worth trying are found, not guessed: between two
neighbouring points the slope of the line through them is the only weight that can yield a point
beyond it (Aneja and Nair, "Bicriteria Transportation Problem", 1979).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from router.evaluation.metrics import Floats, Ints, chosen, mean
from router.evaluation.tradeoff import first_crossing, hull

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Point:
    """One operating point.

    Args:
        weight: Quality given up for a unit of cost.
        cost: Average cost of the choices.
        predicted: Average quality that was predicted for them.
        quality: Average quality they really had; NaN where not measured.
        choices: The expert's index for each prompt, (n,).
    """

    weight: float
    cost: float
    predicted: float
    quality: float
    choices: Ints = field(repr=False, compare=False)


_Gap = tuple[float, float, Point, Point]  # gaps have different left ends: those break ties


def trace(
    predicted: Floats, costs: Floats, scores: Floats, *, points: int = 60
) -> tuple[Point, ...]:
    """Return the operating points of a router from the cheapest to the best, costs rising.

    They are chosen by predicted quality alone; the true scores are only looked up.

    Args:
        predicted: Expected quality of each expert for each prompt, (n, E); NaN: never chosen.
        costs: (E,) or (n, E), not negative.
        scores: True quality, (n, E).
        points: At most this many.

    Raises:
        ValueError: Where a cost is negative or not finite, or shapes differ.
    """
    if predicted.shape != scores.shape or costs.shape not in (predicted.shape, predicted.shape[1:]):
        raise ValueError(
            f"trace: predicted {predicted.shape}, costs {costs.shape}, scores {scores.shape}"
        )
    if not np.isfinite(costs).all() or (costs < 0).any():
        raise ValueError("trace: costs are to be finite and not negative")
    sweep = _Sweep(predicted, costs, scores)
    low, high = sweep.cheapest(), sweep.at(0.0)
    found = {low.cost: low, high.cost: high} if high.cost > low.cost else {high.cost: high}
    waiting: list[_Gap] = []
    _add(waiting, low, high)
    while waiting and len(found) < points:
        _, _, left, right = heapq.heappop(waiting)
        middle = sweep.at((right.predicted - left.predicted) / (right.cost - left.cost))
        if left.cost < middle.cost < right.cost and _above(left, middle, right):
            found[middle.cost] = middle
            _add(waiting, left, middle)
            _add(waiting, middle, right)
    return tuple(found[cost] for cost in sorted(found))


def _add(waiting: list[_Gap], left: Point, right: Point) -> None:
    """Queue a gap, the one that promises most first: the largest triangle it may hide."""
    wide, tall = right.cost - left.cost, right.predicted - left.predicted
    if wide > _TINY and tall > _TINY:
        heapq.heappush(waiting, (-wide * tall, left.cost, left, right))


def _above(left: Point, middle: Point, right: Point) -> bool:
    part = (middle.cost - left.cost) / (right.cost - left.cost)
    return middle.predicted > left.predicted + part * (right.predicted - left.predicted) + _TINY


class _Sweep:
    """Chooses for a weight; columns in rising cost, so that of equals the cheapest is chosen."""

    def __init__(self, predicted: Floats, costs: Floats, scores: Floats) -> None:
        average = costs if costs.ndim == 1 else costs.mean(axis=0)
        self._order = np.argsort(average, kind="stable")
        self._predicted = np.where(np.isfinite(predicted), predicted, -np.inf)[:, self._order]
        self._costs = costs[..., self._order]
        self._scores = scores[:, self._order]

    def at(self, weight: float) -> Point:
        """Return the point at which a unit of cost is worth ``weight`` of quality."""
        return self._point(weight, self._predicted - weight * self._costs)

    def cheapest(self) -> Point:
        """Return the point of least cost; of equally cheap experts the better."""
        price = np.where(np.isfinite(self._predicted), self._costs, np.inf)
        least = price <= price.min(axis=1, keepdims=True)
        return self._point(float("inf"), np.where(least, self._predicted, -np.inf))

    def _point(self, weight: float, objective: Floats) -> Point:
        picked: Ints = objective.argmax(axis=1)
        return Point(
            weight,
            mean(chosen(self._costs, picked)),
            mean(chosen(self._predicted, picked)),
            mean(chosen(self._scores, picked)),
            self._order[picked],
        )


def quality_at(points: Sequence[Point], budget: float) -> float:
    """Return the quality at an average cost, mixing the two neighbouring points at random.

    Args:
        points: From :func:`trace`.
        budget: The average cost allowed; NaN is returned where even the cheapest costs more.
    """
    if not points or budget < points[0].cost:
        return float("nan")
    costs, quality = _curve(points)
    return float(np.interp(budget, costs, quality))


def budget_at(points: Sequence[Point], quality: float) -> float:
    """Return the least average cost at which a quality is reached; NaN where it never is.

    The first crossing of the curve through the points. Which point that is was looked up in the
    true scores, so of many noisy points it is a little optimistic.
    """
    costs, reached = _curve(points)
    return first_crossing(costs, reached, quality) if len(costs) else float("nan")


def hull_of(points: Sequence[Point]) -> tuple[Floats, Floats]:
    """Return the non-decreasing hull of the points: costs (k,) and quality (k,)."""
    return hull(*_curve(points))


def pareto_distance(
    costs: Floats, quality: Floats, front_costs: Floats, front_quality: Floats
) -> float:
    """Return the mean distance of points to a frontier, 0 for points on or above it.

    ParetoDist of LLMRouterBench (arXiv 2601.07206). Both axes are first divided by the frontier's
    largest value, which is our choice: the paper's own scaling could not be found.

    Args:
        costs: Of the points, (k,).
        quality: Of the points, (k,).
        front_costs: Of the frontier's corners, rising, (m,).
        front_quality: Of the frontier's corners, (m,).
    """
    scale = np.array([max(front_costs.max(), _TINY), max(front_quality.max(), _TINY)])
    corners = np.column_stack((front_costs, front_quality)) / scale
    corners = np.vstack((corners, [max(costs.max() / scale[0], corners[-1, 0]), corners[-1, 1]]))
    points = np.column_stack((costs, quality)) / scale
    level = np.interp(points[:, 0], corners[:, 0], corners[:, 1], left=-np.inf)
    starts, steps = corners[:-1], np.diff(corners, axis=0)
    lengths = np.maximum((steps**2).sum(axis=1), _TINY)
    offsets = points[:, None, :] - starts
    along = np.clip((offsets * steps).sum(axis=2) / lengths, 0.0, 1.0)
    distances = np.linalg.norm(offsets - along[..., None] * steps, axis=2).min(axis=1)
    return float(np.where(points[:, 1] >= level, 0.0, distances).mean())


def _curve(points: Sequence[Point]) -> tuple[Floats, Floats]:
    costs = np.array([point.cost for point in points], dtype=np.float64)
    quality = np.array([point.quality for point in points], dtype=np.float64)
    return costs, quality
