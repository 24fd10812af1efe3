"""The cost-quality frontier of a policy as a chart."""

from __future__ import annotations

from coe_client.types import MappingTotals, RouterFrontier
from orchestrator.admin.pages.router.budget_texts import LIMITS
from orchestrator.admin.parts.charts import Options, curve

_OF = {
    "money_usd": lambda totals: totals.expected_cost_usd,
    "active_parameters": lambda totals: totals.active_parameters,
    "latency_s": lambda totals: totals.latency_s,
    "resident_parameters": lambda totals: totals.resident_parameters,
    "max_experts": lambda totals: totals.experts,
}


def frontier_chart(frontier: RouterFrontier, after: MappingTotals, limit_on: str) -> Options:
    """Return the frontier, where the policy is now, and where it would be."""
    limit = LIMITS[limit_on]
    points = [(point.spent, point.totals.expected_quality) for point in frontier.points]
    series = {"Best for each budget": points}
    if frontier.present is not None:
        series["Now"] = [(frontier.present.spent, frontier.present.totals.expected_quality)]
    spent = _OF[limit_on](after)
    if spent is not None:
        series["With this budget"] = [(float(spent), after.expected_quality)]
    options = curve(series, x=limit.name, y="Expected quality", units=(limit.unit, "share"))
    for drawn, symbol in zip(options["series"][1:], ("circle", "diamond"), strict=False):
        drawn.update(type="scatter", symbolSize=14, symbol=symbol, z=4)
    return options
