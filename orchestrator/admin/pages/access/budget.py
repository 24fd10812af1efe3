"""One tenant's or key's budgets: burnt down so far, and where that leads."""

from __future__ import annotations

from datetime import UTC, tzinfo

from coe_client.errors import NotFoundError
from coe_client.types import BudgetUse
from orchestrator.admin.parts.charts import chart, series_over_time
from orchestrator.admin.parts.markup import Markup, meter, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, moment, money
from orchestrator.admin.parts.panels import grid, panel
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View


def spent(budget: BudgetUse) -> Markup:
    """Return how much of a budget is used."""
    return tag(
        "div",
        f"{money(budget.used_usd)} of {money(budget.limit_usd)} a {budget.period}",
        class_="nowrap",
    )


def outlook(budget: BudgetUse, zone: tzinfo) -> Markup:
    """Return when a budget is expected to run out, in words."""
    forecast = budget.forecast
    if budget.remaining_usd <= 0:
        text = f"used up, renews {moment(budget.resets_at, zone)}"
        return tag("div", text, class_="bad")
    if forecast is None:
        return tag("div", "too little is known to look ahead", class_="faint")
    if forecast.runs_out_at is None:
        low, high = money(forecast.at_reset_low_usd), money(forecast.at_reset_high_usd)
        return tag("div", f"lasts; {low} to {high} by its end", class_="soft")
    return tag("div", f"runs out {moment(forecast.runs_out_at, zone)}", class_="warn")


async def budget_panels(
    view: View, *, tenant: str | None = None, key_id: str | None = None
) -> None:
    """Draw the budgets and rates of a tenant or key."""
    try:
        found = await view.client.budgets.get(tenant=tenant, key_id=key_id)
    except NotFoundError:
        with panel("Limits and budgets"):
            put(
                empty(
                    "Nothing is limited",
                    "Its requests, tokens and money have no limits of their own.",
                    "all_inclusive",
                )
            )
        return
    with grid():
        for budget in found.budgets:
            with panel(f"Money a {budget.period}", span=6):
                put(spent(budget) + meter(budget.share, _tone(budget.share), name="Used"))
                put(outlook(budget, view.zone))
                chart(burn_down(budget), f"Money spent this {budget.period}", height=200)
        if found.rates:
            with panel("Rates", span=6, flush=True):
                rows = [
                    (
                        one.limit.replace("_", " "),
                        count(one.most),
                        count(one.used),
                        count(one.remaining),
                    )
                    for one in found.rates
                ]
                put(
                    table(
                        "Rates",
                        ("Limit", "At most", "Used", "Left"),
                        rows,
                        numeric=(1, 2, 3),
                        matrix=True,
                    )
                )


def burn_down(budget: BudgetUse) -> dict[str, object]:
    """Return a chart of what is left, against the pace that would just last."""
    start, end = budget.starts_at.astimezone(UTC), budget.resets_at.astimezone(UTC)
    left = [(start.isoformat(), budget.limit_usd)] + [
        (point.at.isoformat(), max(budget.limit_usd - point.total_usd, 0.0))
        for point in budget.burn.points
    ]
    even = [(start.isoformat(), budget.limit_usd), (end.isoformat(), 0.0)]
    options = series_over_time({"Left": left, "Even pace": even}, unit="$")
    options["series"][1]["lineStyle"] = {"width": 1, "type": "dashed"}
    return options


def _tone(used: float) -> str:
    return "bad" if used >= 1 else "warn" if used >= 0.8 else ""
