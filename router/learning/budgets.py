"""Policies that keep to a budget: by a price on each prompt, or by a mapping of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid
from router.learning.plan import Plan
from router.learning.planning import mapping_of
from router.mapping import AVERAGES, Budget, CostKind, Policy, price_for, solve_milp
from router.prices import Price
from router.text import routing_text

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_KINDS: Mapping[str, CostKind] = {
    "active_parameters": "active_parameters",
    "money_usd": "money_usd",
    "latency_s": "latency_s",
}
_WORDS = {
    "money_usd": "{:g} dollars a request on average",
    "active_parameters": "{:g} billion active parameters on average",
    "latency_s": "{:g} seconds on average",
    "resident_parameters": "{:g} billion parameters in memory",
    "max_experts": "{:g} experts",
}
_BEST = "The best answers within "
_NEEDED = {
    "money_usd": "prices (usd, or price_in and price_out)",
    "active_parameters": "active parameters",
    "latency_s": "latencies",
    "resident_parameters": "parameters (total or active)",
}


class Expected(NamedTuple):
    """What budgets are kept on: prompts like those to come."""

    prompts: Sequence[str]
    quality: Floats
    """Expected of each expert on each prompt, without the prompt's own part in it, shape (n, E)."""
    routed: Ints
    """Number of the category each prompt is treated as, shape (n,)."""
    planned: Floats
    """Scores that mappings are solved on, shape (C, E)."""
    experts: tuple[str, ...]
    categories: tuple[str, ...]


def budgeted(expected: Expected | None, plan: Plan) -> tuple[Policy, ...]:
    """Return a policy for each budget.

    One limit on an average is kept by a price: each prompt is weighed by itself, at the price that
    kept to the limit on what the model expects of prompts like these without their own part in it.
    Limits on memory or on the number of experts, and several limits at once, are kept by a mapping
    of categories to experts (:func:`router.mapping.solve_milp`).

    Raises:
        DatasetInvalid: If what an expert costs is not known, or there are no scores.
        InfeasibleBudget: If a budget cannot be kept.
    """
    if not plan.budgets:
        return ()
    if expected is None:
        raise DatasetInvalid("a budget needs scores: without any, no answer is worth its cost")
    return tuple(_policy(name, budget, expected, plan) for name, budget in plan.limits())


def _policy(name: str, budget: Budget, expected: Expected, plan: Plan) -> Policy:
    limits, description = budget.limits(), described(budget)
    costs = {limit: costs_of(limit, expected, plan) for limit in limits if limit != "max_experts"}
    if len(limits) == 1 and set(limits) <= set(AVERAGES):
        [(kind, limit)] = limits.items()
        price = price_for(expected.quality, costs[kind], limit, name=kind).price
        return Policy(name, description, price=price, cost=_KINDS[kind])
    counts = np.bincount(expected.routed, minlength=len(expected.categories))
    averaged = {
        limit: _by_category(cost, expected.routed, len(counts)) if cost.ndim == 2 else cost
        for limit, cost in costs.items()
    }
    solved = solve_milp(expected.planned, counts.astype(np.float64), averaged, budget)
    mapping = mapping_of(solved.assignment, expected.experts, expected.categories)
    return Policy(name, description, budget=budget, mapping=mapping)


def described(budget: Budget) -> str:
    """Return what a policy with this budget is for, as a sentence."""
    said = ", ".join(_WORDS[limit].format(value) for limit, value in budget.limits().items())
    return f"{_BEST}{said}."


def rebudgeted(policy: Policy, budget: Budget | None) -> Policy:
    """Return a policy with another budget, or none; its sentence, where that told the budget, too.

    Its mapping is solved anew for the experts at hand (:meth:`router.mapping.Policy.within`).
    """
    changed = policy.within(budget)
    if not policy.description.startswith(_BEST):
        return changed
    limits = changed.budget
    return replace(changed, description=described(limits) if limits else "The best answers.")


def shares_of(expected: Expected) -> dict[str, float]:
    """Return the share of each category among the prompts, as they are routed."""
    counts = np.bincount(expected.routed, minlength=len(expected.categories))
    shares = counts / max(counts.sum(), 1)
    return {c: round(float(s), 4) for c, s in zip(expected.categories, shares, strict=True)}


def check_costs(experts: Sequence[str], plan: Plan) -> None:
    """Raise before anything is learned if what a budget limits is not known of every expert.

    Raises:
        DatasetInvalid: Naming the experts of which it is not known.
    """
    for _, budget in plan.limits():
        for limit in budget.limits():
            if limit != "max_experts":
                _known(limit, experts, plan)


def _known(limit: str, experts: Sequence[str], plan: Plan) -> list[float | None]:
    known = [cost_of(limit, plan.price_of(expert), 0.0) for expert in experts]
    missing = [e for e, cost in zip(experts, known, strict=True) if cost is None]
    if missing:
        what = f"a budget on {limit} needs the {_NEEDED[limit]} of {', '.join(missing[:5])}"
        raise DatasetInvalid(what.replace("active_parameters", "active parameters", 1))
    return known


def costs_of(limit: str, expected: Expected, plan: Plan) -> Floats:
    """Return what is limited, of each expert, (E,), or where prompts differ of each prompt, (n, E).

    Raises:
        DatasetInvalid: Naming the experts of which it is not known.
    """
    prices = [plan.price_of(expert) for expert in expected.experts]
    known = _known(limit, expected.experts, plan)
    if limit != "money_usd":
        return np.array(known, dtype=np.float64)
    tokens = [routing_text(prompt).prompt_tokens for prompt in expected.prompts]
    return np.array([[price.money(n) for price in prices] for n in tokens], dtype=np.float64)


def cost_of(limit: str, price: Price, tokens: float) -> float | None:
    """Return what is limited of one expert, for a prompt of so many tokens, if it is known."""
    if limit == "money_usd":
        return price.money(tokens)
    if limit == "active_parameters":
        return price.active_parameters
    return price.latency if limit == "latency_s" else price.resident


def _by_category(costs: Floats, routed: Ints, categories: int) -> Floats:
    """Average the costs of prompts by category, shape (C, E); over all where it has none."""
    found = np.tile(costs.mean(axis=0), (categories, 1))
    for category in np.unique(routed).tolist():
        found[category] = costs[routed == category].mean(axis=0)
    return found
