"""Limits and budgets."""

from __future__ import annotations

from datetime import datetime

from coe_client.types.base import WireModel


class LimitUse(WireModel):
    """How much of one limit is used."""

    limit: str
    """``requests_per_minute``, ``tokens_per_minute``, ``concurrent_requests``, ``usd_per_day`` or
    ``usd_per_month``."""
    most: float
    used: float
    reserved: float = 0.0
    remaining: float
    resets_at: datetime | None = None


class LimitsRecord(WireModel):
    """Limits of a tenant, or of one of its keys, and what is used of them."""

    tenant: str
    key_id: str | None = None
    """``None``: they are the tenant's, all keys together."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    usd_per_day: float | None = None
    usd_per_month: float | None = None
    changed_at: datetime | None = None
    changed_by: str = ""
    use: list[LimitUse] | None = None
    """``None``: the service cannot tell now."""
