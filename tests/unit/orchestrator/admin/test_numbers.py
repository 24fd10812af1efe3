"""Numbers and moments, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.admin.parts import numbers

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (999, "999"),
        (1234, "1.23k"),
        (12_345, "12.3k"),
        (999_400, "999k"),
        (999_999, "1M"),
        (4_560_000, "4.56M"),
        (7.25e9, "7.25B"),
        (0.5, "0.5"),
        (-1500, "-1.5k"),
    ],
)
def test_counts(value: float | None, text: str) -> None:
    assert numbers.count(value) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (None, "–"),
        (0, "$0"),
        (1204.4, "$1,204"),
        (3.205, "$3.21"),
        (0.25, "$0.25"),
        (0.5, "$0.50"),
        (0.0999, "$0.10"),
        (0.001, "$0.0010"),
        (0.00042, "$0.00042"),
        (0.1234, "$0.12"),
        (-2.5, "-$2.50"),
        (0.0000000423, "$0.000000042"),
    ],
)
def test_money(dollars: float | None, text: str) -> None:
    assert numbers.money(dollars) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0004, "0.4 ms"),
        (0.23, "230 ms"),
        (1.83, "1.8 s"),
        (42.4, "42 s"),
        (185, "3 min 5 s"),
        (7200, "2 h"),
        (3 * 86400 + 5 * 3600, "3 d 5 h"),
    ],
)
def test_times_that_something_took(value: float | None, text: str) -> None:
    assert numbers.seconds(value) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [(None, "–"), (512, "512 B"), (2048, "2 KiB"), (3.4 * 2**20, "3.4 MiB"), (2**41, "2 TiB")],
)
def test_sizes(octets: float | None, text: str) -> None:
    assert numbers.size(octets) == text


def test_moments_are_in_the_zone_of_whoever_looks() -> None:
    assert numbers.moment(NOW, ZoneInfo("Europe/Berlin")) == "1 Mar 2026, 13:00:00"
    assert numbers.moment(NOW, UTC) == "1 Mar 2026, 12:00:00 UTC"
    assert numbers.moment(None, UTC) == "–"


@pytest.mark.parametrize(
    ("passed", "text"),
    [(2, "just now"), (300, "5 min ago"), (86400 * 3 + 7200, "3 d ago"), (-3600, "in 1 h")],
)
def test_how_long_ago(passed: float, text: str) -> None:
    assert numbers.ago(NOW - timedelta(seconds=passed), NOW) == text


@given(st.floats(1e-9, 1e12))
def test_no_amount_of_money_is_shown_as_nothing(dollars: float) -> None:
    shown = float(numbers.money(dollars).replace("$", "").replace(",", ""))
    assert shown == pytest.approx(dollars, rel=0.05)
