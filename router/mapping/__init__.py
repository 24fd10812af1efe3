"""From categories to experts: expected scores, budgets, and one mapping per policy."""

from router.mapping.arrays import Bools, Floats, Ints
from router.mapping.frontier import Priced, at_price, frontier, price_for, price_frontier
from router.mapping.infeasible import InfeasibleBudget, SolverTimedOut, Violation
from router.mapping.policy import POLICIES, Budget, CostKind, Policy
from router.mapping.prior import (
    EXPECTED_ANSWER_TOKENS,
    TYPICAL_PROMPT_TOKENS,
    costs_usd,
    effort,
    prior_scores,
    size_index,
    sizes,
    solve,
)
from router.mapping.programme import AVERAGES, Problem, Solution, solve_milp

__all__ = [
    "AVERAGES",
    "EXPECTED_ANSWER_TOKENS",
    "POLICIES",
    "TYPICAL_PROMPT_TOKENS",
    "Bools",
    "Budget",
    "CostKind",
    "Floats",
    "InfeasibleBudget",
    "Ints",
    "Policy",
    "Priced",
    "Problem",
    "Solution",
    "SolverTimedOut",
    "Violation",
    "at_price",
    "costs_usd",
    "effort",
    "frontier",
    "price_for",
    "price_frontier",
    "prior_scores",
    "size_index",
    "sizes",
    "solve",
    "solve_milp",
]
