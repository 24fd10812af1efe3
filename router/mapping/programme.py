"""The mapping from categories to experts as a mixed-integer programme under budgets.

With ``z(c, e)`` saying that category ``c`` goes to expert ``e``, and ``y(e)`` that ``e`` is used::

    maximise    sum w(c) s(c, e) z(c, e)
    subject to  sum_e z(c, e) = 1                  each category has its expert, general included
                sum w(c) cost(c, e) z(c, e) <= A   for each average budget
                z(c, e) <= y(e)
                sum P(e) y(e) <= B                 parameters resident in memory
                sum y(e) <= K                      number of experts

After "Composition of Experts" (arXiv 2412.01868), which chooses subset and mapping together. Solved
exactly, within a gap, by HiGHS. A greedy answer that keeps to the budget is optimal and needs no
solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from router.mapping.arrays import Bools, Floats, Ints
from router.mapping.infeasible import InfeasibleBudget, SolverTimedOut, Violation
from router.mapping.policy import Budget

AVERAGES = ("money_usd", "active_parameters", "latency_s")
"""Limits on the average over requests; their costs may differ by category."""

_TOLERANCE = 1e-6  # HiGHS's own, on rows scaled to a limit of one
_INFEASIBLE = 2
_TIME_IS_UP = 1


@dataclass(frozen=True, slots=True)
class Solution:
    """A mapping and what it comes to.

    Args:
        assignment: Index of each category's expert, shape (C,).
        value: Its expected quality: the weighted sum of scores.
        spent: What it uses of each quantity that has costs, and ``max_experts``, the number used.
        gap: How far ``value`` may be from the best, as a share of it; 0 where it is the best.
    """

    assignment: Ints
    value: float
    spent: Mapping[str, float]
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Problem:
    """What a mapping is solved on, checked.

    Args:
        scores: (C, E).
        weights: Shares of the categories in the traffic, shape (C,), summing to one.
        costs: By name of the limit; (C, E) for averages, (E,) for ``resident_parameters``.
        eligible: Which expert may serve which category, shape (C, E).
    """

    scores: Floats
    weights: Floats
    costs: Mapping[str, Floats]
    eligible: Bools

    def spent(self, assignment: Ints) -> dict[str, float]:
        """Return what a mapping uses of each quantity."""
        rows = np.arange(len(assignment))
        used = np.unique(assignment)
        amounts = {"max_experts": float(len(used))}
        for name, cost in self.costs.items():
            if name in AVERAGES:
                amounts[name] = float(self.weights @ cost[rows, assignment])
            else:
                amounts[name] = float(cost[used].sum())
        return amounts

    def solution(self, assignment: Ints, gap: float = 0.0) -> Solution:
        """Return a mapping with what it comes to."""
        value = float(self.weights @ self.scores[np.arange(len(assignment)), assignment])
        return Solution(assignment, value, self.spent(assignment), gap)


def solve_milp(
    scores: Floats,
    weights: Floats,
    costs: Mapping[str, Floats],
    budget: Budget,
    *,
    eligible: Bools | None = None,
    gap: float = 1e-3,
    time_limit: float = 10.0,
) -> Solution:
    """Find the mapping with the highest expected quality within a budget.

    Args:
        scores: Expected quality of each expert in each category, shape (C, E). To plan with
            caution give the scores less a multiple of their standard errors.
        weights: Shares of the categories in the traffic, shape (C,); scaled to sum to one.
        costs: What is limited, by the names of the budget's fields: for ``money_usd``,
            ``active_parameters`` and ``latency_s`` shape (E,) or (C, E), for
            ``resident_parameters`` (E,).
        budget: The limits.
        eligible: Which experts may be mapped, shape (E,) or (C, E); by default all.
        gap: Accepted distance from the optimum, as a share of it.
        time_limit: Seconds; then the best mapping so far is returned with its gap.

    Raises:
        InfeasibleBudget: Where no mapping keeps to the budget; says which limit to raise to what.
        SolverTimedOut: Where no mapping was found in time.
        ValueError: Where shapes do not fit, a value is not finite, a limited quantity has no
            costs, or a category has no eligible expert.
    """
    limits = budget.limits()
    problem = checked_problem(scores, weights, costs, limits, eligible)
    greedy = problem.solution(_greedy(problem))
    if _within(greedy.spent, limits):
        return greedy
    assignment, found_gap = _optimise(problem, limits, None, gap, time_limit)
    if assignment is None:
        raise InfeasibleBudget(budget, violations(problem, limits, time_limit))
    return problem.solution(assignment, found_gap)


def least(
    problem: Problem, quantity: str, limits: Mapping[str, float], time_limit: float
) -> float | None:
    """Return the least of a quantity that any mapping within other limits uses, if there is one."""
    others = {name: limit for name, limit in limits.items() if name != quantity}
    assignment, _ = _optimise(problem, others, quantity, _TOLERANCE, time_limit)
    return None if assignment is None else problem.spent(assignment)[quantity]


def undominated(problem: Problem, limits: Iterable[str], minimised: str | None = None) -> Bools:
    """Leave out, of each category, experts that another one outdoes for no more of anything.

    Exact where all limits are averages, named here: a mapping that uses such an expert is as good with the
    other. Of a thousand experts some ten are left (Sinha and Zoltners, "The Multiple-Choice
    Knapsack Problem", 1979, proposition 1).
    """
    spent = [problem.costs[name] for name in limits]
    gained = problem.scores if minimised is None else -problem.costs[minimised]
    kept = np.zeros_like(problem.eligible)
    for category, own in enumerate(problem.eligible):
        prices = np.stack([gained[category], *(-cost[category] for cost in spent)])
        # The best first, of equals the cheapest; what it outdoes goes, and so on with the rest.
        left = np.lexsort((-prices.sum(axis=0), -gained[category]))
        left = left[own[left]]
        while len(left):
            best = left[0]
            kept[category, best] = True
            left = left[(prices[:, left] > prices[:, best, None]).any(axis=0)]
    return kept


def violations(
    problem: Problem, limits: Mapping[str, float], time_limit: float = 10.0
) -> tuple[Violation, ...]:
    """Say which limits must be raised, and to what, for a mapping to exist.

    One limit where raising one is enough: of several such, the one to be raised by the smallest
    share. Otherwise limits are taken up one after the other, each raised as far as those before it
    require.
    """
    single = []
    for name, asked in limits.items():
        nearest = least(problem, name, limits, time_limit)
        if nearest is not None:
            single.append(Violation(name, asked, nearest))
    if single:
        return (min(single, key=lambda v: (v.nearest - v.asked) / max(v.asked, 1e-12)),)
    kept: dict[str, float] = {}
    raised = []
    for name, asked in limits.items():
        nearest = least(problem, name, kept, time_limit)
        if nearest is None:  # only rounding can bring this about
            continue
        kept[name] = max(asked, nearest * (1 + _TOLERANCE))
        if nearest > asked:
            raised.append(Violation(name, asked, kept[name]))
    return tuple(raised)


def checked_problem(
    scores: Floats,
    weights: Floats,
    costs: Mapping[str, Floats],
    limits: Mapping[str, float],
    eligible: Bools | None,
) -> Problem:
    """Bring everything to one shape.

    Raises:
        ValueError: As :func:`solve_milp` says.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(f"scores have shape {scores.shape}; categories by experts are needed")
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != scores.shape[:1] or not np.isfinite(shares).all() or (shares < 0).any():
        raise ValueError("weights: one finite number from 0 for each category is needed")
    if shares.sum() <= 0:
        raise ValueError("weights: at least one category must have some")
    allowed = np.ones(scores.shape, dtype=bool)
    if eligible is not None:
        allowed = np.broadcast_to(np.asarray(eligible, dtype=bool), scores.shape)
    empty = np.flatnonzero(~allowed.any(axis=1))
    if len(empty):
        raise ValueError(f"category {int(empty[0])} has no eligible expert")
    _check_finite("scores", scores, allowed)
    missing = set(limits) - set(costs) - {"max_experts"}
    if missing:
        raise ValueError(f"there are no costs for: {', '.join(sorted(missing))}")
    shaped = {name: _cost(name, cost, allowed) for name, cost in costs.items()}
    return Problem(scores, shares / shares.sum(), shaped, allowed)


def _cost(name: str, cost: Floats, allowed: Bools) -> Floats:
    cost = np.asarray(cost, dtype=np.float64)
    if name in AVERAGES:
        if cost.shape not in {allowed.shape, allowed.shape[1:]}:
            raise ValueError(f"costs of {name} have shape {cost.shape}")
        cost = np.broadcast_to(cost, allowed.shape)
        _check_finite(f"costs of {name}", cost, allowed)
    elif name == "resident_parameters":
        if cost.shape != allowed.shape[1:]:
            raise ValueError(f"costs of {name} have shape {cost.shape}, one an expert is needed")
        _check_finite(f"costs of {name}", cost[None], np.any(allowed, axis=0, keepdims=True))
    else:
        raise ValueError(f"costs of {name!r}: there is no such limit")
    if bool(np.any(cost < 0)):
        raise ValueError(f"costs of {name} are negative")
    return cost


def _check_finite(what: str, values: Floats, where: Bools) -> None:
    wrong = np.argwhere(where & ~np.isfinite(values))
    if len(wrong):
        category, expert = wrong[0].tolist()
        raise ValueError(f"{what}: not finite for category {category} and expert {expert}")


def _greedy(problem: Problem) -> Ints:
    best: Ints = np.argmax(np.where(problem.eligible, problem.scores, -np.inf), axis=1)
    return best


def _within(spent: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(spent[name] <= limit * (1 + 1e-9) for name, limit in limits.items())


def _optimise(
    problem: Problem,
    limits: Mapping[str, float],
    minimised: str | None,
    gap: float,
    time_limit: float,
) -> tuple[Ints | None, float]:
    """Maximise the scores, or minimise one quantity; nothing where the limits cannot be kept."""
    from scipy.optimize import Bounds, milp

    uses = bool({*limits, minimised} & {"resident_parameters", "max_experts"})
    # Where experts are counted as a whole, one that no category would choose by itself may pay.
    allowed = problem.eligible if uses else undominated(problem, limits, minimised)
    rows, columns = np.nonzero(allowed)
    categories, experts = problem.scores.shape
    size = len(rows) + (experts if uses else 0)
    if minimised is None:
        # A category without traffic still gets its best expert, if that costs nothing.
        shares = np.maximum(problem.weights, 1e-9)
        objective = np.zeros(size)
        objective[: len(rows)] = -(shares[:, None] * problem.scores)[rows, columns]
    else:
        objective = _coefficients(problem, minimised, rows, columns, size)
    scale = float(np.abs(objective).max()) or 1.0
    binary = np.ones(size)
    if uses and not set(limits) & set(AVERAGES):
        binary[: len(rows)] = 0  # given the experts in use, each category takes the best of them
    found: Any = milp(
        objective / scale,
        integrality=binary,
        bounds=Bounds(0, 1),
        constraints=_constraints(problem, limits, rows, columns, size),
        options={"mip_rel_gap": gap, "time_limit": time_limit},
    )
    if found.x is None:
        if found.status == _TIME_IS_UP:
            raise SolverTimedOut(f"no mapping was found within {time_limit:g} seconds")
        if found.status != _INFEASIBLE and "nfeasible" not in found.message:
            raise RuntimeError(f"the solver failed: {found.message}")
        return None, 0.0
    chosen = np.full((categories, experts), -1.0)
    chosen[rows, columns] = found.x[: len(rows)]
    return np.argmax(chosen, axis=1), float(found.mip_gap or 0.0)


def _constraints(
    problem: Problem, limits: Mapping[str, float], rows: Ints, columns: Ints, size: int
) -> list[Any]:
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

    pairs, count = np.arange(len(rows)), len(problem.weights)
    each = csr_array((np.ones(len(rows)), (rows, pairs)), shape=(count, size))
    constraints = [LinearConstraint(each, 1, 1)]
    if size > len(rows):
        ones = np.ones(len(rows))
        coupled = csr_array(
            (np.concatenate((ones, -ones)),
             (np.concatenate((pairs, pairs)), np.concatenate((pairs, len(rows) + columns)))),
            shape=(len(rows), size),
        )  # fmt: skip
        constraints.append(LinearConstraint(coupled, -np.inf, 0))
    for name, limit in limits.items():
        row = _coefficients(problem, name, rows, columns, size)
        # Dollars a request are of the order of the solver's tolerance: limits are scaled to one.
        scale = limit if limit > 0 else float(row.max()) or 1.0
        constraints.append(LinearConstraint(csr_array(row[None] / scale), -np.inf, limit / scale))
    return constraints


def _coefficients(problem: Problem, name: str, rows: Ints, columns: Ints, size: int) -> Floats:
    """Return what each variable adds to a quantity: pairs first, then experts."""
    row = np.zeros(size)
    if name in AVERAGES:
        row[: len(rows)] = (problem.weights[:, None] * problem.costs[name])[rows, columns]
    elif name == "max_experts":
        row[len(rows) :] = 1.0
    else:
        row[len(rows) :] = problem.costs[name]
    return row
