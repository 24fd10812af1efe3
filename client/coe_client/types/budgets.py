"""Budgets: what is spent of them, and when they will be used up."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from coe_client.types.base import WireModel
from coe_client.types.limits import LimitUse


class BurnPoint(WireModel):
    """What was spent in an hour or a day."""

    at: datetime
    """When it ended, or now."""
    spent_usd: float
    total_usd: float
    """Since the budget's day or month began."""


class Burn(WireModel):
    """What was spent of a budget, by hour of its day or by day of its month."""

    step: str
    """``hour`` or ``day``."""
    points: list[BurnPoint] = Field(default_factory=list)


class Forecast(WireModel):
    """When a budget will be used up if it goes on as lately."""

    step: str
    """``hour`` or ``day``."""
    steps: int
    """How many of the last whole ones it goes by."""
    usd_per_step: float
    runs_out_at: datetime | None = None
    """``None``: not before it renews; likewise the next two."""
    earliest_at: datetime | None = None
    latest_at: datetime | None = None
    at_reset_usd: float
    """Spent when it renews, if nothing stopped that."""
    at_reset_low_usd: float
    at_reset_high_usd: float
    confidence: float = 0.8
    """Probability of the intervals."""


class BudgetUse(WireModel):
    """A money budget of a day or month (UTC)."""

    period: str
    """``day`` or ``month``."""
    limit_usd: float
    used_usd: float
    reserved_usd: float = 0.0
    """For requests under way."""
    remaining_usd: float
    share: float
    """Of the limit that is used; may be above 1."""
    starts_at: datetime
    resets_at: datetime
    burn: Burn
    forecast: Forecast | None = None
    """``None``: too little is known."""


class Budget(WireModel):
    """A tenant or key that has limits, and how much of them it has used."""

    tenant: str
    tenant_name: str = ""
    key_id: str | None = None
    """``None``: the limits are the tenant's, all keys together."""
    key_name: str | None = None
    key_prefix: str | None = None
    known: bool = True
    """Whether the counters could be reached."""
    share: float | None = None
    """The largest of its budgets; ``None``: it has none."""
    state: str = "ok"
    """``ok``, ``near`` (from 80 % of a budget) or ``spent``."""
    budgets: list[BudgetUse] = Field(default_factory=list)
    rates: list[LimitUse] = Field(default_factory=list)
