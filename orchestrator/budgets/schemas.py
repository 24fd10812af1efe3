"""Budgets as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from orchestrator.budgets.forecast import CONFIDENCE
from orchestrator.tenants.limits.schemas import LimitUse

Period = Literal["day", "month"]
State = Literal["ok", "near", "spent"]
Sort = Literal["share", "-share", "tenant", "-tenant"]
NEAR = 0.8
"""Share from which a budget is nearly used up."""


class BurnPoint(BaseModel):
    """What was spent in an hour or a day."""

    at: datetime = Field(description="When it ended, or now.")
    spent_usd: float = Field(description="In it.")
    total_usd: float = Field(description="Since the budget's day or month began.")


class Burn(BaseModel):
    """What was spent of a budget, by hour of its day or by day of its month."""

    step: Literal["hour", "day"]
    points: list[BurnPoint] = Field(description="By the usage records, which may be seconds late.")


class ForecastView(BaseModel):
    """When a budget will be used up if it goes on as lately; an interval of chance, not of change."""

    step: Literal["hour", "day"]
    steps: int = Field(description="How many of the last whole ones it goes by.")
    usd_per_step: float = Field(description="Spent in one of them on average.")
    runs_out_at: datetime | None = Field(description="Null: not before it renews.")
    earliest_at: datetime | None = Field(description="Null: not before it renews.")
    latest_at: datetime | None = Field(description="Null: not before it renews.")
    at_reset_usd: float = Field(description="Spent when it renews, if nothing stopped that.")
    at_reset_low_usd: float
    at_reset_high_usd: float
    confidence: float = Field(default=CONFIDENCE, description="Probability of the intervals.")


class BudgetUse(BaseModel):
    """A money budget of a day or month (UTC)."""

    period: Period
    limit_usd: float
    used_usd: float
    reserved_usd: float = Field(description="For requests under way.")
    remaining_usd: float
    share: float = Field(description="Of the limit that is used; may be above 1.")
    starts_at: datetime
    resets_at: datetime
    burn: Burn
    forecast: ForecastView | None = Field(description="Null: too little is known.")


class BudgetView(BaseModel):
    """A tenant or key that has limits, and how much of them it has used."""

    tenant: str
    tenant_name: str
    key_id: str | None = Field(description="Null: the limits are the tenant's, all keys together.")
    key_name: str | None
    key_prefix: str | None
    known: bool = Field(description="Whether the counters could be reached.")
    share: float | None = Field(description="The largest of its budgets; null: it has none.")
    state: State = Field(description=f"`near` from {NEAR:.0%} of a budget, `spent` from 100%.")
    budgets: list[BudgetUse]
    rates: list[LimitUse]
