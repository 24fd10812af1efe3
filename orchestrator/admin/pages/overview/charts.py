"""Charts of what happened over time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coe_client.types import FiguresBucket
from orchestrator.admin.parts.charts import COLORS, Options, Point, series_over_time

_FEW = 12
Buckets = Sequence[FiguresBucket]
_OUTCOMES: tuple[tuple[str, str, Callable[[FiguresBucket], int]], ...] = (
    ("Answered", COLORS[0], lambda one: one.ok),
    ("Failed", "var(--bad)", lambda one: one.failed),
    ("Blocked", COLORS[2], lambda one: one.blocked),
    ("Cancelled", COLORS[7], lambda one: one.cancelled),
    ("Interrupted", COLORS[3], lambda one: one.interrupted),
)


def outcome_chart(series: Buckets) -> Options:
    """Return requests by how they ended; endings that never happened are left out."""
    shown = [
        (name, color, [(one.at.isoformat(), value(one)) for one in series])
        for name, color, value in _OUTCOMES
        if name == "Answered" or any(value(one) for one in series)
    ]
    lines: dict[str, Sequence[Point]] = {name: points for name, _, points in shown}
    options = series_over_time(lines, stacked=True, bars=True)
    options["color"] = [color for _, color, _ in shown]
    options["yAxis"]["minInterval"] = 1
    for one in options["series"]:
        one["barCategoryGap"] = "20%"
    return options


def cost_chart(series: Buckets, *, baseline: bool = True) -> Options:
    """Return money spent, beside what the best single expert would have cost.

    Args:
        series: Figures by bucket.
        baseline: Whether the second is drawn.
    """
    lines = {"Spent": _points(series, lambda one: one.cost_usd)}
    if baseline and any(one.baseline_usd for one in series):
        lines["At the best single expert"] = _points(series, lambda one: one.baseline_usd)
    options = series_over_time(lines, unit="$")
    if "At the best single expert" in lines:
        options["series"][1]["lineStyle"] = {"width": 2, "type": "dashed"}
        options["color"] = [COLORS[0], COLORS[7]]
    return with_unit(options, "$")


def latency_chart(series: Buckets) -> Options:
    """Return percentiles of how long answers took, and how long until their first piece, in seconds."""
    lines = {
        name: [(one.at.isoformat(), _seconds(getattr(one.latency_ms, name))) for one in series]
        for name in ("p50", "p90", "p99")
    }
    lines["first token, p50"] = [
        (one.at.isoformat(), _seconds(one.first_token_ms.p50)) for one in series
    ]
    options = _gaps_shown(series_over_time(lines, unit="s"))
    options["series"][-1]["lineStyle"] = {"width": 2, "type": "dotted"}
    return with_unit(options, "s")


def cache_chart(series: Buckets) -> Options:
    """Return answers that were found in the cache and those that were looked for in vain."""
    lines = {
        "Found": _points(series, lambda one: one.cache_hits),
        "Looked for in vain": _points(series, lambda one: one.cache_misses),
    }
    options = series_over_time(lines, stacked=True, bars=True)
    options["color"] = [COLORS[1], "var(--line-strong)"]
    options["yAxis"]["minInterval"] = 1
    return options


def with_unit(options: Options, unit: str) -> Options:
    """Return a chart whose pointed-at values have their unit, and few digits."""
    shown = "+v.toPrecision(4)"
    text = f"'$' + ({shown})" if unit == "$" else f"({shown}) + ' {unit}'"
    options["tooltip"][":valueFormatter"] = f"v => v == null ? '–' : {text}"
    return options


def _points(series: Buckets, value: Callable[[Any], float | None]) -> list[Point]:
    return [(one.at.isoformat(), value(one)) for one in series]


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 4)


def _gaps_shown(options: Options) -> Options:
    """Return lines that go on over gaps, with dots where there are so few points that they could be missed."""
    for one in options["series"]:
        known = sum(value is not None for _, value in one["data"])
        one["connectNulls"] = True
        one["symbol"] = "circle"
        one["showSymbol"] = known <= _FEW
    return options
