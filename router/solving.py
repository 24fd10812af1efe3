"""One policy's mapping over the candidates at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from router.mapping import (
    Bools,
    Budget,
    Floats,
    InfeasibleBudget,
    Ints,
    Policy,
    solve,
    solve_milp,
)

GAP = 1e-3
TIME_LIMIT = 5.0
"""Seconds; a pool is prepared while the service runs."""


class Solved(NamedTuple):
    """A mapping, and what stood in its way."""

    assignment: Ints
    """Index of each category's expert."""
    infeasible: InfeasibleBudget | None = None
    """Set where the budget cannot be kept; the mapping keeps to the nearest one."""


def solve_policy(
    policy: Policy,
    scores: Floats,
    costs: Mapping[str, Floats],
    usable: Bools,
    positions: Mapping[str, int],
    categories: Sequence[str],
) -> Solved:
    """Take the mapping a policy brings along, and solve what it leaves open.

    A budget is for the mapping as a whole: where the one brought along has lost an expert, it is
    solved anew, with all categories weighing the same.

    Args:
        policy: The trade-off.
        scores: Expected quality, shape (C, E).
        costs: Of each expert, by name, shape (E,).
        usable: Which experts may be assigned, shape (E,); where none may, all are.
        positions: Index of each expert by its id.
        categories: Ids, in the order of the scores.

    Raises:
        SolverTimedOut: Where no mapping within a budget was found in time.
    """
    usable = usable if usable.any() else np.ones_like(usable)
    named = [positions.get((policy.mapping or {}).get(id_, ""), -1) for id_ in categories]
    brought = np.array(named, dtype=np.intp)
    there = (brought >= 0) & usable[brought]
    if there.all():
        return Solved(brought)
    if policy.budget is not None and policy.budget.limits():
        return _within_budget(policy, policy.budget, scores, costs, usable)
    return Solved(np.where(there, brought, solve(scores, costs[policy.paid_in], policy, usable)))


def _within_budget(
    policy: Policy, budget: Budget, scores: Floats, costs: Mapping[str, Floats], usable: Bools
) -> Solved:
    worth = scores - policy.weight * costs[policy.paid_in]
    limited = {name: cost for name, cost in costs.items() if name != "effort"}

    def within(limits: Budget) -> Ints:
        return solve_milp(
            worth,
            np.ones(len(worth)),
            limited,
            limits,
            eligible=usable,
            gap=GAP,
            time_limit=TIME_LIMIT,
        ).assignment

    try:
        return Solved(within(budget))
    except InfeasibleBudget as error:
        return Solved(within(error.nearest_budget), error)
