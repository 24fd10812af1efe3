"""What the overview says: ranges, changes, charts, and the ways to what needs somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coe_client.types import Attention, Breakdown, FiguresBucket, Overview
from orchestrator.admin.pages.overview.attention import attention, place
from orchestrator.admin.pages.overview.breakdown import breakdown
from orchestrator.admin.pages.overview.charts import cost_chart, latency_chart, outcome_chart
from orchestrator.admin.pages.overview.figures import figures
from orchestrator.admin.pages.overview.ranges import parameters, range_of
from orchestrator.admin.pages.overview.welcome import steps
from orchestrator.admin.pages.overview.words import amount, points

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def _bucket(hour: int, **figures: Any) -> FiguresBucket:
    at = datetime(2026, 3, 1, hour, tzinfo=UTC)
    return FiguresBucket.model_validate({"at": at, **figures})


def test_a_range_ends_now_and_stays_so() -> None:
    found = range_of({"range": "7d"}, UTC, NOW)
    assert (found.since, found.until, found.moves) == (NOW - timedelta(days=7), None, True)
    assert parameters(found, UTC) == {"range": "7d"}


def test_a_range_of_ones_own_is_meant_in_ones_own_zone() -> None:
    asked = {"range": "custom", "since": "2026-03-01T01:00", "until": "2026-03-02T00:00"}
    found = range_of(asked, BERLIN, NOW)
    assert found.since == datetime(2026, 3, 1, 0, tzinfo=UTC)
    assert not found.moves
    assert parameters(found, BERLIN) == asked


@pytest.mark.parametrize(
    "asked",
    [
        {"range": "decade"},
        {"range": "custom"},
        {"range": "custom", "since": "2026-03-02T00:00", "until": "2026-03-01T00:00"},
        {"range": "custom", "since": "soon", "until": "later"},
        {"range": "custom", "since": "2027-01-01T00:00", "until": "2027-01-02T00:00"},
    ],
)
def test_a_range_that_makes_no_sense_is_the_last_day(asked: dict[str, str]) -> None:
    assert range_of(asked, UTC, NOW).key == "24h"


@pytest.mark.parametrize(
    ("change", "better", "told", "tone"),
    [
        (0.12, "neither", "12 % more", None),
        (0.12, "more", "12 % more, better", "good"),
        (-0.3, "more", "30 % less, worse", "bad"),
        (-0.3, "less", "30 % less, better", "good"),
        (11.0, "neither", "12 times as much", None),
        (0.001, "more", "as before", "faint"),
        (None, "more", "nothing before", "faint"),
    ],
)
def test_a_change_is_told_in_words_and_judged(
    change: float | None, better: Any, told: str, tone: str | None
) -> None:
    drawn = amount(change, better=better)
    assert f">{told}<" in drawn
    assert (f'class="{tone}"' in drawn) is (tone is not None)


def test_shares_differ_by_points() -> None:
    assert ">1.2 points more, worse<" in points(0.012, better="less")
    assert ">0.5 points less, worse<" in points(-0.005, better="more")


def test_endings_that_never_happened_are_not_drawn() -> None:
    drawn = outcome_chart([_bucket(0, ok=3, failed=1), _bucket(1, ok=2)])
    assert [one["name"] for one in drawn["series"]] == ["Answered", "Failed"]
    assert len(drawn["color"]) == 2
    assert [value for _, value in drawn["series"][1]["data"]] == [1, 0]


def test_money_is_drawn_beside_the_baseline_where_there_is_one() -> None:
    priced = [_bucket(0, cost_usd=1.0, baseline_usd=4.0)]
    assert len(cost_chart(priced)["series"]) == 2
    assert len(cost_chart(priced, baseline=False)["series"]) == 1
    assert len(cost_chart([_bucket(0, cost_usd=1.0, baseline_usd=0.0)])["series"]) == 1


def test_latencies_are_drawn_in_seconds_and_lone_ones_are_seen() -> None:
    drawn = latency_chart([_bucket(0, latency_ms={"p50": 1500.0}), _bucket(1)])["series"]
    assert [value for _, value in drawn[0]["data"]] == [1.5, None]
    assert all(one["showSymbol"] for one in drawn)


@pytest.mark.parametrize(
    ("page", "id_", "address"),
    [
        ("experts", "a b", "/admin/experts/a%20b"),
        ("experts", None, "/admin/experts"),
        ("router", "balanced", "/admin/router"),
        ("jobs", "job_1", "/admin/jobs/job_1"),
        ("of tomorrow", "x", "/admin"),
    ],
)
def test_what_needs_attention_has_a_way_there(page: str, id_: str | None, address: str) -> None:
    assert place(page, id_)[0] == address


def test_what_needs_attention_says_how_bad_it_is_in_words_and_escapes() -> None:
    one = Attention.model_validate(
        {"severity": "error", "text": "<i>", "link": {"page": "experts", "id": "a"}}
    )
    drawn = attention([one])
    assert ">Error<" in drawn
    assert "&lt;i&gt;" in drawn
    assert attention([]) == ""


def test_groups_lead_to_their_requests_in_the_same_range() -> None:
    found = Breakdown.model_validate(
        {
            "data": [
                {"id": "a&b", "name": "<A>", "requests": 3, "requests_share": 0.75},
                {"id": "", "requests": 1, "requests_share": 0.25},
            ],
            "others": {"requests": 9},
            "others_count": 12,
        }
    )
    drawn = breakdown("category", found, {"range": "7d", "tenant": "t"})
    assert "/admin/requests?range=7d&amp;tenant=t&amp;category=a%26b" in drawn
    assert "&lt;A&gt;" in drawn
    assert "none: the expert was named" in drawn
    assert "12 others" in drawn
    assert "No requests" in breakdown("tenant", Breakdown(), {})


@pytest.mark.parametrize(
    ("best", "told"),
    [
        (None, "no expert to compare with"),
        ({"expert": "a", "priced": False, "method": "How."}, "a has no price"),
        ({"expert": "a", "priced": True, "method": "How."}, "50 % cheaper than a alone"),
    ],
)
def test_savings_say_against_whom_and_how(best: dict[str, Any] | None, told: str) -> None:
    ends = {"since": NOW - timedelta(days=1), "until": NOW}
    totals = {"requests": 2, "cost_usd": 1.0, "saved_usd": 1.0, "saved_share": 0.5}
    found = Overview.model_validate({**ends, "totals": totals, "best_single": best})
    drawn = figures(found, "the day before")
    assert told in drawn
    assert ("How." in drawn) is (best is not None)
    assert "Compared with the day before." in drawn


def test_the_first_step_is_done_where_experts_are_there() -> None:
    assert [one.done for one in steps(0)] == [False, False, False]
    assert steps(1)[0].done
    assert "1 expert is there" in steps(1)[0].text
