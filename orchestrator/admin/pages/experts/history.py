"""What an expert did over time: requests, share, latency, cost."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import ExpertRecord, Overview
from orchestrator.admin.pages.overview.charts import cost_chart, latency_chart, outcome_chart
from orchestrator.admin.pages.overview.ranges import Range, range_of
from orchestrator.admin.pages.overview.table import series_table
from orchestrator.admin.parts.charts import Options, Point, chart, series_over_time
from orchestrator.admin.parts.markup import Markup, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import grid, panel
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View

_RANGES = {"1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d"}


async def draw(view: View, record: ExpertRecord) -> None:
    """Draw the tab; the range is in its address."""
    chosen = view.query.get("range", "24h")
    chosen = chosen if chosen in _RANGES else "24h"
    when = range_of({"range": chosen}, view.zone)
    put(_ranges(record.expert.id, chosen))
    own = await _read(view, when, record.expert.id)
    if not own.totals.requests:
        with panel():
            put(empty("No requests in this time", "Choose a longer one, or try it.", "show_chart"))
        return
    every = await _read(view, when, None)
    with grid():
        with panel("Requests", "By how they ended.", span=6):
            chart(outcome_chart(own.series), "Requests by outcome over time")
        with panel("Share", "Of all requests that the service answered meanwhile.", span=6):
            chart(share_chart(own, every), "Share of all requests over time")
        with panel("Latency", "Of answered requests, to the end of the answer.", span=6):
            chart(latency_chart(own.series), "Latency percentiles over time")
        with panel("Cost", "What its calls cost, at the prices of its entry.", span=6):
            chart(cost_chart(own.series, baseline=False), "Cost over time")
    with (
        ui.element("section").classes("panel"),
        ui.expansion("The same as a table").classes("more flush"),
    ):
        put(series_table(own.series, view.zone)).classes("live")


def share_chart(own: Overview, every: Overview) -> Options:
    """Return an expert's share of all requests over time.

    Args:
        own: The expert's requests.
        every: All requests, in the same buckets.
    """
    all_of = {one.at: one.requests for one in every.series}
    points: list[Point] = [
        (
            one.at.isoformat(),
            round(100 * one.requests / all_of[one.at], 2) if all_of.get(one.at) else None,
        )
        for one in own.series
    ]
    return series_over_time({"Share": points}, unit="%")


async def _read(view: View, when: Range, expert: str | None) -> Overview:
    return await view.client.overview.get(since=when.since, until=when.until, expert=expert)


def _ranges(expert_id: str, chosen: str) -> Markup:
    links = [
        tag(
            "a",
            name,
            href=f"/admin/experts/{expert_id}?tab=history&range={key}",
            class_="segment",
            aria_current="true" if key == chosen else None,
        )
        for key, name in _RANGES.items()
    ]
    return tag("nav", links, class_="segments", aria_label="Range of time")
