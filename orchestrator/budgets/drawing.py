"""A budget, what was spent of it and what is to be expected, as it is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from orchestrator.budgets.forecast import forecast
from orchestrator.budgets.history import DAY, HOUR, LATELY_DAYS, Spent
from orchestrator.budgets.schemas import (
    NEAR,
    BudgetUse,
    Burn,
    BurnPoint,
    ForecastView,
    Period,
    State,
)
from orchestrator.tenants.limits.values import Limits, Use, renewal

_NANOS = 1_000_000_000
_LATELY_HOURS = 24


@dataclass(frozen=True, slots=True)
class _Grain:
    """In which steps a budget is looked at."""

    name: Literal["hour", "day"]
    step: timedelta
    lately: int


_GRAINS: dict[Period, _Grain] = {
    "day": _Grain("hour", HOUR, _LATELY_HOURS),
    "month": _Grain("day", DAY, LATELY_DAYS),
}


def share_of(limits: Limits, use: Use | None) -> float | None:
    """Return the largest share of a budget that is used; ``None``: there is none, or nobody knows."""
    if use is None:
        return None
    parts = ((limits.day, use.day), (limits.month, use.month))
    return max((_share(most, used) for most, used in parts if most is not None), default=None)


def state_of(share: float | None) -> State:
    """Return what a share comes to."""
    if share is None or share < NEAR:
        return "ok"
    return "near" if share < 1 else "spent"


def budgets_of(limits: Limits, use: Use, spent: Spent, now: datetime) -> Iterator[BudgetUse]:
    """Yield the money budgets among some limits.

    Args:
        limits: The limits.
        use: What is used of them.
        spent: What was spent lately.
        now: The present moment.
    """
    if limits.day is not None:
        yield _budget("day", limits.day, use.day, use.day_held, spent, now)
    if limits.month is not None:
        yield _budget("month", limits.month, use.month, use.month_held, spent, now)


def _budget(
    period: Period, most: int, used: int, held: int, spent: Spent, now: datetime
) -> BudgetUse:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = today if period == "day" else today.replace(day=1)
    resets = renewal(now, period)
    grain = _GRAINS[period]
    sums = spent.hours if period == "day" else spent.days
    expected = forecast(
        _lately(sums, grain, spent.first(), now),
        grain.step,
        used=used / _NANOS,
        room=(most - used - held) / _NANOS,
        now=now,
        until=resets,
    )
    return BudgetUse(
        period=period,
        limit_usd=most / _NANOS,
        used_usd=used / _NANOS,
        reserved_usd=held / _NANOS,
        remaining_usd=max(most - used - held, 0) / _NANOS,
        share=_share(most, used),
        starts_at=starts,
        resets_at=resets,
        burn=Burn(step=grain.name, points=list(_points(sums, grain.step, starts, now))),
        forecast=None if expected is None else ForecastView(step=grain.name, **asdict(expected)),
    )


def _lately(
    sums: Mapping[datetime, int], grain: _Grain, first: datetime | None, now: datetime
) -> list[float]:
    """Return what was spent in the last whole steps; those before the first spending do not count."""
    if first is None:
        return []
    present = _beginning(now, grain.step)
    steps = (present - back * grain.step for back in range(grain.lately, 0, -1))
    return [sums.get(begins, 0) / _NANOS for begins in steps if begins + grain.step > first]


def _points(
    sums: Mapping[datetime, int], step: timedelta, starts: datetime, now: datetime
) -> Iterator[BurnPoint]:
    begins, total = starts, 0
    while begins <= now:
        spent = sums.get(begins, 0)
        total += spent
        at = min(begins + step, now)
        yield BurnPoint(at=at, spent_usd=spent / _NANOS, total_usd=total / _NANOS)
        begins += step


def _beginning(now: datetime, step: timedelta) -> datetime:
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if step == HOUR else hour.replace(hour=0)


def _share(most: int, used: int) -> float:
    return used / most if most else 1.0
