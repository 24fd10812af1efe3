"""Options of charts."""

from __future__ import annotations

from orchestrator.admin.parts import charts


def test_lines_over_time_keep_their_gaps_and_units() -> None:
    options = charts.series_over_time(
        {"p50": [("2026-03-01T12:00:00Z", 1.5), ("2026-03-01T13:00:00Z", None)]}, unit="s"
    )
    assert options["series"][0]["data"] == [
        ["2026-03-01T12:00:00Z", 1.5],
        ["2026-03-01T13:00:00Z", None],
    ]
    assert options["yAxis"]["axisLabel"]["formatter"] == "{value} s"
    assert not options["legend"]["show"]


def test_amounts_of_money_have_their_sign_before_them() -> None:
    options = charts.series_over_time({"a": [], "b": []}, unit="$", stacked=True)
    assert "'$' + " in options["yAxis"]["axisLabel"][":formatter"]
    assert [one["stack"] for one in options["series"]] == ["all", "all"]
    assert options["legend"]["show"]


def test_bars_that_are_not_meant_are_grey() -> None:
    data = charts.bars({"a": 1.0, "b": 2.0}, highlight=["b"])["series"][0]["data"]
    assert [one["itemStyle"]["color"] for one in data] == ["var(--line-strong)", charts.COLORS[0]]


def test_curves_have_named_axes() -> None:
    options = charts.curve({"a": [(1.0, 2.0)]}, x="cost", y="quality", points=True)
    assert (options["xAxis"]["name"], options["yAxis"]["name"]) == ("cost", "quality")
    assert options["series"][0]["type"] == "scatter"
