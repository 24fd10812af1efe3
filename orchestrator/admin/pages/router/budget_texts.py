"""Budgets of policies, in words and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coe_client.types import RouterBudget
from orchestrator.admin.parts.markup import Markup, tag
from orchestrator.admin.parts.numbers import money


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that a budget can limit.

    Args:
        name: What people call it.
        explained: What it means.
        unit: What numbers of it are followed by.
    """

    name: str
    explained: str
    unit: str = ""


LIMITS = {
    "money_usd": Limit(
        "Money a request", "US dollars for a usual request, on average over the categories.", "$"
    ),
    "active_parameters": Limit(
        "Active parameters", "Billions of parameters at work for a request, on average.", "B"
    ),
    "latency_s": Limit("Latency", "Seconds until an answer is whole, on average.", "s"),
    "resident_parameters": Limit(
        "Memory", "Billions of parameters of all experts in use together.", "B"
    ),
    "max_experts": Limit("Number of experts", "How many different experts may be in use.", ""),
}
_STEPS = 200


def amount(value: float | None, limit_on: str) -> str:
    """Return an amount of what is limited; ``None``: without a limit."""
    if value is None:
        return "no limit"
    unit = LIMITS[limit_on].unit
    if unit == "$":
        return money(value)
    return f"{value:.3g} {unit}".strip()


def limit_of(budget: RouterBudget | None, limit_on: str) -> float | None:
    """Return a budget's limit on something."""
    value = None if budget is None else getattr(budget, limit_on)
    return None if value is None else float(value)


def budget_with(
    budget: RouterBudget | None, limit_on: str, value: float | None
) -> RouterBudget | None:
    """Return a budget with one limit set anew, the others being kept; ``None``: nothing is limited."""
    given = {} if budget is None else budget.model_dump(exclude_none=True)
    given.pop(limit_on, None)
    if value is not None:
        given[limit_on] = max(1, round(value)) if limit_on == "max_experts" else value
    return RouterBudget(**given) if given else None


def limits_in(budget: RouterBudget | None) -> dict[str, Any]:
    """Return a budget's limits by name, as the SDK takes them."""
    return {} if budget is None else budget.model_dump(exclude_none=True)


def slider_step(low: float, high: float) -> float:
    """Return the step of a slider between two amounts; it is never nothing."""
    return max((high - low) / _STEPS, 1e-12)


def difference(before: float, after: float, shown: Callable[[float], str]) -> Markup:
    """Return how something has changed, in words."""
    if shown(before) == shown(after):
        return tag("span", "as it is now")
    word = "up" if after > before else "down"
    return tag("span", f"{word} from {shown(before)}")
