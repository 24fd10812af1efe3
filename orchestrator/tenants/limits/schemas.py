"""Limits as they are set and shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.tenants.limits.book import LimitRecord
from orchestrator.tenants.limits.memory import SPAN
from orchestrator.tenants.limits.values import LIMIT_NAMES, TENANT, Limits, Use, renewal

_NANOS = 1_000_000_000
_MOST_USD = 1_000_000
_NAMES = (
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent_requests",
    "usd_per_day",
    "usd_per_month",
)
LimitField = Literal[
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent_requests",
    "usd_per_day",
    "usd_per_month",
]
Usd = Annotated[float, Field(ge=0, le=_MOST_USD, allow_inf_nan=False)]


class LimitsWanted(BaseModel):
    """Limits to be set; what is left out or null is not limited."""

    model_config = ConfigDict(extra="forbid", strict=True)

    requests_per_minute: int | None = Field(
        default=None, ge=1, le=10**9, description="In any 60 seconds."
    )
    tokens_per_minute: int | None = Field(
        default=None, ge=1, le=10**12, description="Read and written, in any 60 seconds."
    )
    concurrent_requests: int | None = Field(
        default=None, ge=1, le=10**6, description="Under way at once, streams included."
    )
    usd_per_day: Usd | None = Field(default=None, description="US dollars in a day (UTC).")
    usd_per_month: Usd | None = Field(default=None, description="US dollars in a month (UTC).")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not self.limits():
            raise ValueError("nothing is limited: DELETE takes limits away")
        return self

    def limits(self) -> Limits:
        """Return what is to be kept."""
        return Limits(
            self.requests_per_minute,
            self.tokens_per_minute,
            self.concurrent_requests,
            _nanos(self.usd_per_day),
            _nanos(self.usd_per_month),
        )


class LimitUse(BaseModel):
    """How much of one limit is used."""

    limit: LimitField
    most: float = Field(description="What is allowed.")
    used: float = Field(description="In the last minute; under way; or spent, in US dollars.")
    reserved: float = Field(description="For requests under way, in US dollars; 0 for rates.")
    remaining: float
    resets_at: datetime | None = Field(
        description="When all of it is free again at the latest; null: when requests end."
    )


class LimitsView(BaseModel):
    """Limits of a tenant or of one of its keys, and what is used of them."""

    tenant: str
    key_id: str | None = Field(description="Null: the limits are the tenant's, all keys together.")
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None
    usd_per_day: float | None
    usd_per_month: float | None
    changed_at: datetime
    changed_by: str
    use: list[LimitUse] | None = Field(description="Null: the counters cannot be reached now.")

    @classmethod
    def of(cls, record: LimitRecord, use: Use | None) -> Self:
        """Return the view of a record and what is used of it."""
        limits = record.limits
        return cls(
            tenant=record.tenant,
            key_id=None if record.scope == TENANT else record.scope,
            requests_per_minute=limits.requests,
            tokens_per_minute=limits.tokens,
            concurrent_requests=limits.concurrent,
            usd_per_day=_usd(limits.day),
            usd_per_month=_usd(limits.month),
            changed_at=record.changed_at,
            changed_by=record.changed_by,
            use=None if use is None else uses_of(limits, use),
        )


def uses_of(limits: Limits, use: Use) -> list[LimitUse]:
    """Return how much of each of some limits is used."""
    now = datetime.now(UTC)
    resets = {
        "requests": now + timedelta(seconds=SPAN),
        "tokens": now + timedelta(seconds=SPAN),
        "day": renewal(now, "day"),
        "month": renewal(now, "month"),
    }
    found = []
    for shown, name in zip(_NAMES, LIMIT_NAMES, strict=True):
        most = getattr(limits, name)
        if most is None:
            continue
        used, held = getattr(use, name), getattr(use, f"{name}_held", 0)
        unit = _NANOS if name in {"day", "month"} else 1
        found.append(
            LimitUse(
                limit=shown,  # one of them, by its place
                most=most / unit,
                used=used / unit,
                reserved=held / unit,
                remaining=max(most - used - held, 0) / unit,
                resets_at=resets.get(name),
            )
        )
    return found


def _nanos(usd: float | None) -> int | None:
    return None if usd is None else round(usd * _NANOS)


def _usd(nanos: int | None) -> float | None:
    return None if nanos is None else nanos / _NANOS
