"""What a policy's mapping would be with another budget, and what that comes to. Nothing is changed.

Figures are of the candidates at hand, for a request of usual size, with all categories weighing the
same: the terms on which the router itself solves its mappings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.mapping import (
    TYPICAL_PROMPT_TOKENS,
    Bools,
    Budget,
    Floats,
    InfeasibleBudget,
    Ints,
    Policy,
    frontier,
)
from router.pool import CandidatePool
from router.quality.scores import ScoreTable
from router.router import Router

Source = Literal["measured", "prior"]
POINTS = 12
_TIME_LIMIT = 2.0
"""Seconds for each point of a frontier."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a mapping comes to.

    Args:
        expected_quality: 0 to 1, mean over the categories.
        expected_cost_usd: US dollars a request, mean.
        active_parameters: Billions a request, mean.
        latency_s: Seconds, mean; ``None`` where that of no expert in use is known.
        resident_parameters: Billions of all experts in use together.
        experts: How many are in use.
    """

    expected_quality: float
    expected_cost_usd: float
    active_parameters: float
    latency_s: float | None
    resident_parameters: float
    experts: int

    def of(self, limit: str) -> float:
        """Return what it uses of what a limit is on; 0 where that is not known."""
        names = {"money_usd": "expected_cost_usd", "max_experts": "experts"}
        return float(getattr(self, names.get(limit, limit)) or 0.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Who answers a category, and what that is worth.

    Args:
        expert: Its id.
        quality: Expected, 0 to 1.
        cost_usd: Expected US dollars of a request.
        source: Whether that quality was measured or is taken from the expert's description.
    """

    expert: str
    quality: float
    cost_usd: float
    source: Source


@dataclass(frozen=True, slots=True)
class Mapped:
    """A policy's mapping over the candidates.

    Args:
        policy: The trade-off.
        per_prompt: Whether single prompts go elsewhere where another is expected to do better.
        places: By category, in the taxonomy's order.
        totals: Of the mapping.
        infeasible: Set where the budget cannot be kept; the mapping keeps to the nearest one.
    """

    policy: Policy
    per_prompt: bool
    places: Mapping[str, Place]
    totals: Totals
    infeasible: InfeasibleBudget | None = None


def present(router: Router, pool: CandidatePool, policy: str) -> Mapped | None:
    """Return the mapping that is in force; ``None`` where there are no candidates.

    Raises:
        KeyError: If there is no such policy.
    """
    found = router.policies[policy]
    if not pool.candidates:
        return None
    return _mapped(router, pool, found, pool.mappings[policy], pool.infeasible.get(policy))


def solved(router: Router, pool: CandidatePool, policy: Policy) -> Mapped | None:
    """Return the mapping the candidates would have; ``None`` where there are none.

    Raises:
        SolverTimedOut: Where no mapping within the budget was found in time.
    """
    if not pool.candidates:
        return None
    found = pool.solve(policy)
    return _mapped(router, pool, policy, found.assignment, found.infeasible)


def swept(
    router: Router, pool: CandidatePool, policy: Policy, limit: str, points: int = POINTS
) -> list[Mapped]:
    """Return mappings from the least that any uses of a quantity to all that the best one uses.

    Args:
        router: Whose categories they map.
        pool: The candidates.
        policy: The trade-off; its other limits stay.
        limit: Name of the limit that is swept, a field of :class:`Budget`.
        points: At most so many.

    Raises:
        InfeasibleBudget: Where the limits that stay cannot be kept.
        SolverTimedOut: Where no mapping was found in time.
        ValueError: Where there is no such limit.
    """
    if not pool.candidates:
        return []
    fixed = (policy.budget or Budget()).limited({limit: None})
    free = policy.within(fixed)
    costs = pool.limited()
    found = frontier(
        pool.planning - free.weight * costs[free.paid_in],
        np.ones(len(pool.planning)),
        {name: cost for name, cost in costs.items() if name != "effort"},
        limit,
        budget=fixed,
        points=points,
        eligible=pool.usable(),
        time_limit=_TIME_LIMIT,
    )
    return [
        _mapped(
            router, pool, policy.within(fixed.limited({limit: each.spent[limit]})), each.assignment
        )
        for each in found
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of each candidate in each category. Arrays of shape (C, E).

    Args:
        quality: Expected, 0 to 1.
        error: Its standard error, NaN where it is no more than a prior.
        observations: Scores behind it, 0 for a prior.
        measured: Which candidates were, shape (E,).
    """

    quality: Floats
    error: Floats
    observations: Floats
    measured: Bools


def known(router: Router, pool: CandidatePool) -> Known:
    """Gather what a router knows of the candidates, category by category."""
    shape = (len(pool.category_ids), len(pool.candidates))
    error, observations = np.full(shape, np.nan), np.zeros(shape)
    if router.quality is not None and pool.known is not None:
        columns, outputs = pool.known.columns, pool.known.outputs
        table = router.quality.category_scores
        if isinstance(table, ScoreTable):
            error[:, columns] = table.se[:, outputs]
            observations[:, columns] = table.n[:, outputs]
    return Known(pool.scores, error, observations, _measured(pool))


def _measured(pool: CandidatePool) -> Bools:
    measured = np.zeros(len(pool.candidates), dtype=bool)
    if pool.known is not None:
        measured[pool.known.columns] = True
    return measured


def _mapped(
    router: Router,
    pool: CandidatePool,
    policy: Policy,
    assignment: Ints,
    infeasible: InfeasibleBudget | None = None,
) -> Mapped:
    rows = np.arange(len(assignment))
    usd = pool.costs_usd(TYPICAL_PROMPT_TOKENS)
    measured = _measured(pool)
    quality, cost = pool.scores[rows, assignment], usd[assignment]
    places = {
        category: Place(
            str(pool.ids[expert]),
            float(quality[row]),
            float(cost[row]),
            "measured" if measured[expert] else "prior",
        )
        for row, (category, expert) in enumerate(
            zip(pool.category_ids, assignment.tolist(), strict=True)
        )
    }
    used = np.unique(assignment)
    timed = np.isfinite(pool.latency[used]).any()
    totals = Totals(
        expected_quality=float(quality.mean()),
        expected_cost_usd=float(cost.mean()),
        active_parameters=float(pool.billions[assignment].mean()),
        latency_s=float(pool.typical_latency[assignment].mean()) if timed else None,
        resident_parameters=float(pool.limited()["resident_parameters"][used].sum()),
        experts=len(used),
    )
    return Mapped(policy, router.per_prompt(policy), places, totals, infeasible)
