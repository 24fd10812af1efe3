"""What a little more budget buys: frontiers of mappings, and prices for single prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from router.mapping.arrays import Bools, Floats, Ints
from router.mapping.infeasible import InfeasibleBudget, Violation
from router.mapping.policy import Budget
from router.mapping.programme import (
    AVERAGES,
    Solution,
    checked_problem,
    least,
    solve_milp,
    undominated,
    violations,
)

_ROUNDS = 60


def frontier(
    scores: Floats,
    weights: Floats,
    costs: Mapping[str, Floats],
    swept: str,
    *,
    budget: Budget | None = None,
    points: int = 12,
    eligible: Bools | None = None,
    gap: float = 1e-3,
    time_limit: float = 10.0,
) -> list[Solution]:
    """Sweep one limit from the least that any mapping needs to all that the best one uses.

    Args:
        scores: As for :func:`solve_milp`, like all arguments that are not named here.
        weights: See there.
        costs: See there.
        swept: Name of the limit that is swept.
        budget: Limits that stay; its value for ``swept`` is passed over.
        points: How many limits are tried.
        eligible: See there.
        gap: See there.
        time_limit: Seconds for each point.

    Returns:
        Mappings by rising use of ``swept``, each better than those before it.

    Raises:
        InfeasibleBudget: Where the limits that stay cannot be kept.
        ValueError: As :func:`solve_milp`, or where there is no such limit.
    """
    if swept not in {*AVERAGES, "resident_parameters", "max_experts"}:
        raise ValueError(f"there is no limit {swept!r}")
    fixed = (budget or Budget()).limited({swept: None})
    limits = fixed.limits()
    problem = checked_problem(scores, weights, costs, {**limits, swept: 0.0}, eligible)
    if not {*limits, swept} - {*AVERAGES}:  # once for all points
        eligible = undominated(problem, [*limits, swept])
    low = least(problem, swept, limits, time_limit)
    if low is None:
        raise InfeasibleBudget(fixed, violations(problem, limits, time_limit))

    def at(limit: float | None) -> Solution:
        within = fixed.limited({swept: limit})
        return solve_milp(
            scores, weights, costs, within, eligible=eligible, gap=gap, time_limit=time_limit
        )

    best = at(None)
    found = [at(limit) for limit in _steps(swept, low, best.spent[swept], points)]
    return _rising([*found, best], swept)


def _steps(swept: str, low: float, high: float, points: int) -> list[float]:
    if swept == "max_experts":
        return sorted({round(x) for x in np.linspace(low, high, points).tolist()})
    if high <= low * (1 + 1e-9):
        return []
    spaced = np.geomspace if low > 0 and high > 10 * low else np.linspace
    steps = spaced(low, high, max(points, 2))[:-1].tolist()
    return [steps[0] * (1 + 1e-6), *steps[1:]]  # rounding must not make the least infeasible


def _rising(solutions: list[Solution], swept: str) -> list[Solution]:
    kept: list[Solution] = []
    for solution in sorted(solutions, key=lambda s: (s.spent[swept], -s.value)):
        if not kept or solution.value > kept[-1].value + 1e-12:
            kept.append(solution)
    return kept


@dataclass(frozen=True, slots=True)
class Priced:
    """What a price leads to, over a set of prompts.

    Args:
        price: Quality given up for one unit of cost.
        quality: Mean predicted quality of the experts chosen.
        spent: Their mean cost.
        chosen: Index of each prompt's expert, shape (n,).
    """

    price: float
    quality: float
    spent: float
    chosen: Ints


def at_price(quality: Floats, costs: Floats, price: float) -> Priced:
    """Choose for each prompt the expert with the best quality less price times cost.

    Args:
        quality: Predicted, shape (n, E).
        costs: Shape (E,) or (n, E).
        price: From 0; of equals the cheaper is chosen.
    """
    paid = np.broadcast_to(costs, quality.shape)
    worth = quality - price * paid
    best = worth.max(axis=1, keepdims=True)
    chosen = np.argmin(np.where(worth >= best - 1e-12, paid, np.inf), axis=1)
    rows = np.arange(len(chosen))
    return Priced(
        price, float(quality[rows, chosen].mean()), float(paid[rows, chosen].mean()), chosen
    )


def price_for(quality: Floats, costs: Floats, limit: float, *, name: str = "money_usd") -> Priced:
    """Find the lowest price at which the mean cost keeps to a limit, by bisection.

    The Lagrangian of the average budget: finer than a mapping, as each prompt is weighed by itself,
    and just as quick to decide with. Mean cost never rises with the price, and falls in steps, so
    a little of the limit may be left over.

    Args:
        quality: Predicted quality of prompts like those to come, shape (n, E).
        costs: Shape (E,) or (n, E).
        limit: On the mean cost.
        name: What the cost is, for the message.

    Raises:
        InfeasibleBudget: Where even the cheapest expert for every prompt costs more.
        ValueError: Where there is no prompt, or a value is not finite.
    """
    if not quality.size or not np.isfinite(quality).all() or not np.isfinite(costs).all():
        raise ValueError("quality and costs: finite values for at least one prompt are needed")
    cheapest = float(np.broadcast_to(costs, quality.shape).min(axis=1).mean())
    allowed = limit * (1 + 1e-12)
    if cheapest > allowed:
        raise InfeasibleBudget(Budget().limited({name: limit}), (Violation(name, limit, cheapest),))
    found = at_price(quality, costs, 0.0)
    if found.spent <= allowed:
        return found
    low, high = 0.0, 1.0 / max(found.spent, 1e-300)
    found = at_price(quality, costs, high)
    while found.spent > allowed:
        low, high = high, 4.0 * high
        found = at_price(quality, costs, high)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        tried = at_price(quality, costs, middle)
        if tried.spent <= allowed:
            high, found = middle, tried
        else:
            low = middle
        if high - low <= 1e-9 * high:
            break
    return found


def price_frontier(quality: Floats, costs: Floats, *, points: int = 12) -> list[Priced]:
    """Sweep the limit on the mean cost from the cheapest choice to the best, prompt by prompt.

    Args:
        quality: As for :func:`price_for`.
        costs: See there.
        points: How many limits are tried.

    Returns:
        By rising cost, each better than those before it.
    """
    low = float(np.broadcast_to(costs, quality.shape).min(axis=1).mean())
    best = at_price(quality, costs, 0.0)
    steps = _steps("money_usd", low, best.spent, points)
    found = [price_for(quality, costs, step) for step in steps] + [best]
    kept: list[Priced] = []
    for each in sorted(found, key=lambda p: (p.spent, -p.quality)):
        if not kept or each.quality > kept[-1].quality + 1e-12:
            kept.append(each)
    return kept
