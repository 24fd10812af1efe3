"""What a budget looks like, from its limit, its use and what was spent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.budgets.drawing import budgets_of, share_of, state_of
from orchestrator.budgets.history import Spent
from orchestrator.tenants.limits.values import Limits, Use

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONTH = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = datetime(2026, 3, 4, tzinfo=UTC)
USD = 1_000_000_000


def test_a_months_budget_by_day() -> None:
    days = {MONTH + n * DAY: n * USD for n in range(-14, 0)}  # long known, so all steps count
    days = dict.fromkeys(days, 2 * USD) | {MONTH: USD, MONTH + DAY: 3 * USD, TODAY: USD}
    (found,) = budgets_of(
        Limits(month=50 * USD), Use(month=5 * USD, month_held=USD), Spent(days, {}), NOW
    )
    assert (found.period, found.limit_usd, found.used_usd, found.reserved_usd) == (
        "month",
        50,
        5,
        1,
    )
    assert (found.remaining_usd, found.share) == (44, 0.1)
    assert (found.starts_at, found.resets_at) == (MONTH, datetime(2026, 4, 1, tzinfo=UTC))
    assert found.burn.step == "day"
    assert [(p.spent_usd, p.total_usd) for p in found.burn.points] == [
        (1, 1), (3, 4), (0, 4), (1, 5)
    ]  # fmt: skip
    assert found.burn.points[0].at == MONTH + DAY
    assert found.burn.points[-1].at == NOW
    assert found.forecast is not None
    assert found.forecast.steps == 14, "today is not over"
    assert found.forecast.usd_per_step == pytest.approx((11 * 2 + 1 + 3) / 14)


def test_a_days_budget_by_hour() -> None:
    hours = {TODAY + n * HOUR: USD for n in range(6, 11)}
    (found,) = budgets_of(
        Limits(day=8 * USD), Use(day=5 * USD), Spent({TODAY: 5 * USD}, hours), NOW
    )
    assert found.burn.step == "hour"
    assert len(found.burn.points) == 11
    assert found.burn.points[-1].total_usd == 5
    assert found.forecast is not None
    assert found.forecast.steps == 4, "nothing was spent before 6, the first hour of all"
    assert found.forecast.runs_out_at is not None
    assert abs(found.forecast.runs_out_at - (NOW + 3 * HOUR)) < timedelta(seconds=1)


def test_quiet_hours_of_one_who_has_spent_before_count() -> None:
    days = {TODAY - 5 * DAY: USD, TODAY: USD}
    hours = {TODAY + 9 * HOUR: USD}
    (found,) = budgets_of(Limits(day=8 * USD), Use(day=USD), Spent(days, hours), NOW)
    assert found.forecast is not None
    assert (found.forecast.steps, found.forecast.usd_per_step) == (24, 1 / 24)


def test_of_one_who_has_never_spent_nothing_is_expected() -> None:
    (found,) = budgets_of(Limits(day=USD), Use(), Spent({}, {}), NOW)
    assert found.forecast is None
    assert {point.total_usd for point in found.burn.points} == {0}


def test_shares_and_states() -> None:
    assert share_of(Limits(day=10, month=100), Use(day=5, month=80)) == 0.8
    assert share_of(Limits(day=0), Use()) == 1.0
    assert share_of(Limits(requests=5), Use(requests=5)) is None
    assert share_of(Limits(day=10), None) is None
    assert [state_of(share) for share in (None, 0.79, 0.8, 0.99, 1.0, 2.0)] == [
        "ok", "ok", "near", "near", "spent", "spent"
    ]  # fmt: skip
