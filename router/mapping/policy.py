"""Policies: named trade-offs between quality and cost, and the budgets they may keep to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

CostKind = Literal["effort", "money_usd", "active_parameters", "latency_s"]
"""What a policy's price is paid in: a request's effort (0..1), dollars, billions, or seconds."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on what a mapping from categories to experts may use; ``None`` limits nothing.

    The first three are averages over the requests, the last two hold for the mapping as a whole.

    Args:
        money_usd: US dollars a request.
        active_parameters: Billions of parameters at work for a request.
        latency_s: Seconds until a request is answered.
        resident_parameters: Billions of parameters of all mapped experts together.
        max_experts: How many different experts may be mapped.

    Raises:
        ValueError: Where a limit is negative or not finite, or less than one expert is allowed.
    """

    money_usd: float | None = None
    active_parameters: float | None = None
    latency_s: float | None = None
    resident_parameters: float | None = None
    max_experts: int | None = None

    def __post_init__(self) -> None:
        for name, limit in self.limits().items():
            if not math.isfinite(limit) or limit < 0:
                raise ValueError(f"budget: {name} is {limit:g}, not a finite number from 0")
        if self.max_experts is not None and self.max_experts < 1:
            raise ValueError("budget: max_experts is at least 1")

    def limits(self) -> dict[str, float]:
        """Return the limits that are set, by name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: float(value) for name, value in values if value is not None}

    def limited(self, limits: Mapping[str, float | None]) -> Budget:
        """Return the budget with some limits changed, by name; ``None`` lifts one."""
        changed: dict[str, Any] = dict(limits)
        if changed.get("max_experts") is not None:
            changed["max_experts"] = round(changed["max_experts"])
        return replace(self, **changed)


@dataclass(frozen=True, slots=True)
class Policy:
    """A named trade-off between quality and cost.

    Args:
        name: What requests ask for.
        description: One sentence for a person.
        cost_weight: Quality (0..1) given up for the step from free to 0.10 dollars a request.
        budget: Limits its mapping keeps to.
        mapping: Category id -> expert id, as solved when the router was learnt. Where it is silent
            or names an expert that is gone, the mapping is solved for the catalogue at hand.
        price: Quality given up for one unit of ``cost``, on each single prompt (the Lagrangian of
            an average budget: :func:`router.mapping.price_for`). ``None``: the expert mapped to the
            category answers, unless the router has a quality model and the policy no budget; then
            each prompt is weighed, at ``cost_weight``.
        cost: What ``price`` is paid in.

    Raises:
        ValueError: Where a weight is negative or not finite, or there is no such cost.
    """

    name: str
    description: str
    cost_weight: float = 0.0
    budget: Budget | None = None
    mapping: Mapping[str, str] | None = None
    price: float | None = None
    cost: CostKind = "effort"

    def __post_init__(self) -> None:
        for name, weight in (("cost_weight", self.cost_weight), ("price", self.price)):
            if weight is not None and not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"policy {self.name!r}: {name} is {weight}, not a number from 0")
        if self.cost not in get_args(CostKind):
            raise ValueError(f"policy {self.name!r}: there is no cost {self.cost!r}")

    def within(self, budget: Budget | None) -> Policy:
        """Return the policy with another budget, or none, its mapping to be solved anew.

        A price is dropped: it kept to the budget before. What is left to weigh quality against
        cost is ``cost_weight``.
        """
        limits = budget if budget is not None and budget.limits() else None
        return replace(self, budget=limits, mapping=None, price=None, cost="effort")

    @property
    def weight(self) -> float:
        """Quality given up for one unit of what it is paid in."""
        return self.cost_weight if self.price is None else self.price

    @property
    def paid_in(self) -> CostKind:
        """What quality is weighed against: ``cost`` at its ``price``, otherwise the effort."""
        return "effort" if self.price is None else self.cost


POLICIES = (
    Policy("quality", "The best expected answer, whatever it costs.", 0.0),
    Policy("balanced", "A good answer at a fair price.", 0.5),
    Policy("economy", "The cheapest expert that can be expected to do.", 2.0),
)
