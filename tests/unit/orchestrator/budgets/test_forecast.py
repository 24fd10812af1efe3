"""When a budget will be used up: what must hold of any history, and what can be reckoned by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.budgets.forecast import LEAST_STEPS, Forecast, forecast

NOW = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)
RESET = datetime(2026, 4, 1, tzinfo=UTC)
usd = st.floats(min_value=0, max_value=1e6, allow_subnormal=False)
few = settings(max_examples=60)
histories = st.lists(usd, min_size=LEAST_STEPS, max_size=30)


def expected(
    lately: list[float], room: float, used: float = 0.0, until: datetime = RESET
) -> Forecast:
    found = forecast(lately, DAY, used=used, room=room, now=NOW, until=until)
    assert found is not None
    return found


def late(moment: datetime | None) -> datetime:
    return moment or datetime.max.replace(tzinfo=UTC)


def test_what_is_spent_evenly_has_no_interval() -> None:
    found = expected([2.0] * 14, room=20.0, used=30.0)
    for moment in (found.runs_out_at, found.earliest_at, found.latest_at):
        assert moment is not None
        assert abs(moment - (NOW + 10 * DAY)) < timedelta(seconds=1)
    assert found.at_reset_usd == found.at_reset_low_usd == found.at_reset_high_usd == 30 + 2 * 22
    assert (found.steps, found.usd_per_step) == (14, 2.0)


def test_the_interval_is_students() -> None:
    """Of 1, 2, 3: mean 2, deviation 1, t(90 %, 2) = 1.886; for one step to come sqrt(1 + 1/3)."""
    found = expected([1.0, 2.0, 3.0], room=1e9, until=NOW + DAY)
    strays = 1.886 * (4 / 3) ** 0.5
    assert found.at_reset_usd == pytest.approx(2.0)
    assert found.at_reset_high_usd == pytest.approx(2.0 + strays)
    assert found.at_reset_low_usd == pytest.approx(max(0.0, 2.0 - strays))


def test_of_too_little_nothing_is_said() -> None:
    assert forecast([1.0] * 2, DAY, used=0, room=1, now=NOW, until=RESET) is None
    assert forecast([], DAY, used=0, room=1, now=NOW, until=RESET) is None


@few
@given(histories, usd)
def test_the_interval_holds_the_middle(lately: list[float], room: float) -> None:
    found = expected(lately, room)
    assert late(found.earliest_at) <= late(found.runs_out_at) <= late(found.latest_at)
    assert found.at_reset_low_usd <= found.at_reset_usd <= found.at_reset_high_usd
    for moment in (found.earliest_at, found.runs_out_at, found.latest_at):
        assert moment is None or NOW <= moment <= RESET


@few
@given(histories, usd, usd)
def test_who_has_more_left_has_it_longer(lately: list[float], room: float, more: float) -> None:
    less, much = expected(lately, room), expected(lately, room + more)
    step = timedelta(microseconds=10)  # of rounding
    assert late(less.earliest_at) - step <= late(much.earliest_at)
    assert late(less.runs_out_at) - step <= late(much.runs_out_at)
    assert late(less.latest_at) - step <= late(much.latest_at)


@few
@given(histories, usd, st.floats(min_value=1.5, max_value=100))
def test_who_spends_more_has_it_shorter(lately: list[float], room: float, times: float) -> None:
    slow, fast = expected(lately, room), expected([one * times for one in lately], room)
    step = timedelta(microseconds=10)
    assert late(fast.runs_out_at) - step <= late(slow.runs_out_at)
    assert fast.at_reset_usd >= slow.at_reset_usd * (1 - 1e-9)


@few
@given(histories, st.floats(min_value=0.01, max_value=1e6))
def test_it_runs_out_exactly_if_it_does_not_last(lately: list[float], room: float) -> None:
    found = expected(lately, room)
    spent = found.at_reset_usd
    if abs(spent - room) > 1e-6 * room:
        assert (found.runs_out_at is not None) == (spent > room)
    if found.runs_out_at is not None:
        steps = (found.runs_out_at - NOW) / DAY
        assert found.usd_per_step * steps == pytest.approx(room, rel=1e-3, abs=1e-3)


@few
@given(histories)
def test_what_is_gone_is_gone_now(lately: list[float]) -> None:
    assert expected(lately, -1.0).runs_out_at == NOW


def test_who_spends_nothing_keeps_it() -> None:
    found = expected([0.0] * 5, room=1.0)
    assert (found.runs_out_at, found.earliest_at, found.latest_at) == (None, None, None)
