"""What callers are told of limits, and when budgets renew."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.tenants.limits.alone import share_of
from orchestrator.tenants.limits.refusals import duration, refused, usd
from orchestrator.tenants.limits.values import (
    Ask,
    Limits,
    Periods,
    Refusal,
    Reply,
    Scope,
    Spent,
    Use,
    renewal,
)

REQUEST = "req_019b7a4f2800" + "7" * 20  # of 2026-01-01
PERIODS = Ask(REQUEST, "acme", "key_a").periods


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0s"), (120, "120ms"), (1_000, "1s"), (59_500, "59.5s"), (61_000, "1m1s")],
)
def test_durations_are_written_as_openai_does(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "$0.00"), (250_000_000, "$0.25"), (1, "$0.000000001"), (12_000_000_000, "$12.00")],
)
def test_money_is_exact(nanos: int, text: str) -> None:
    assert usd(nanos) == text


@pytest.mark.parametrize(
    ("moment", "day", "month"),
    [
        ("2026-01-31T23:59:59", "2026-02-01", "2026-02-01"),
        ("2026-12-31T00:00:00", "2027-01-01", "2027-01-01"),
        ("2028-02-28T12:00:00", "2028-02-29", "2028-03-01"),
    ],
)
def test_budgets_renew_with_the_calendar(moment: str, day: str, month: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert f"{renewal(now, 'day'):%Y-%m-%d}" == day
    assert f"{renewal(now, 'month'):%Y-%m-%d}" == month


def test_a_budget_goes_before_a_rate_and_the_longest_wait_before_others() -> None:
    scopes = [Scope("tenant", Limits(requests=5, day=10)), Scope("key_a", Limits(requests=2))]
    uses = (Use(requests=5), Use(requests=2))
    rates = (Refusal("tenant", "requests", 9_000), Refusal("key_a", "requests", 20_001))
    ask = Ask(REQUEST, "acme", "key_a", nanos=7)
    error = refused(ask, Reply(0, rates, uses=uses), scopes)
    assert error.status == 429
    assert error.message == "This key has a limit of 2 requests a minute. Try again in 20.001s."
    assert error.headers["retry-after"] == "21"
    with_budget = (*rates, Refusal("tenant", "day"))
    error = refused(ask, Reply(0, with_budget, uses=uses), scopes)
    assert (error.status, "retry-after" in error.headers) == (402, False)


def test_a_share_is_what_was_left_divided() -> None:
    limits = Limits(requests=100, tokens=1, concurrent=7, day=1_000, month=9_000)
    share = share_of(limits, Spent(PERIODS, 400, 8_900), PERIODS, 3)
    assert share == Limits(requests=33, tokens=1, concurrent=2, day=200, month=33)
    # What was spent on another day, or in another month, does not count; nothing is below nothing.
    later = Periods(20260202, 202602)
    assert share_of(limits, Spent(PERIODS, 400, 8_900), later, 1).day == 1_000
    assert share_of(limits, Spent(later, 4_000, 0), later, 1).day == 0
