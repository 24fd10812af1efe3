"""Prompts in the plane: alike ones lie near each other."""

from __future__ import annotations

from collections.abc import Sequence

from coe_client.types import MapPoint
from orchestrator.admin.parts.charts import Options, chart, curve
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, share
from orchestrator.admin.parts.panels import lead, panel
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View


async def draw(view: View, version: str) -> None:
    """Draw the map."""
    found = await view.client.routers.projection(version)
    if not found.points:
        put(empty("There is nothing to draw", "This version has no examples.", "scatter_plot"))
        return
    shown = share(sum(found.explained), 0) if found.explained else "some"
    lead(
        f"Prompts that are alike lie near each other: {count(found.examples)} examples and "
        f"{count(found.requests)} requests of tenants that let their content be kept. These are two directions "
        f"out of hundreds, with {shown} of the differences: what touches here may be apart."
    )
    with panel():
        options = map_options(found.points)
        chart(options, "Prompts in two dimensions, by category", height=520)


def map_options(points: Sequence[MapPoint]) -> Options:
    """Return a chart of points, one series for each category."""
    series: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        series.setdefault(point.category or "none", []).append((point.x, point.y))
    options = curve(series, x="", y="", points=True)
    texts = {(point.x, point.y): point.text or point.request_id or "" for point in points}
    for drawn in options["series"]:
        drawn["symbolSize"] = 6
        drawn["data"] = [
            {"value": pair, "name": texts.get((pair[0], pair[1]), "")[:80]}
            for pair in drawn["data"]
        ]
    options["tooltip"] = {**options["tooltip"], "trigger": "item", "formatter": "{a}<br/>{b}"}
    for axis in ("xAxis", "yAxis"):
        options[axis] = {"type": "value", "show": False, "scale": True}
    options["grid"] = {"left": 8, "right": 8, "top": 64, "bottom": 8}
    return options
