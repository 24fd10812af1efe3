"""The list of runs."""

from __future__ import annotations

from coe_client.types import Run
from orchestrator.admin.parts.filters import tenant_filter
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.live import keep_fresh
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.sources import paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

STATUSES = {
    "queued": "",
    "running": "info",
    "waiting": "warn",
    "finished": "good",
    "failed": "bad",
    "cancelled": "",
}
_EVERY_SECONDS = 5.0


async def draw(view: View) -> None:
    """Draw them."""
    columns = (
        Column[Run]("Run", _run, value=lambda row: row.id),
        Column[Run]("State", status, value=lambda row: row.status),
        Column[Run]("Strategy", lambda row: row.strategy, value=lambda row: row.strategy),
        Column[Run]("Tenant", lambda row: row.tenant, value=lambda row: row.tenant, wide_only=True),
        Column[Run](
            "Calls",
            lambda row: count(row.spent.calls),
            numeric=True,
            value=lambda row: row.spent.calls,
        ),
        Column[Run](
            "Cost",
            lambda row: money(row.spent.usd),
            sort="cost",
            numeric=True,
            value=lambda row: row.spent.usd,
        ),
        Column[Run](
            "Took",
            lambda row: seconds(row.spent.seconds),
            sort="took",
            numeric=True,
            value=lambda row: row.spent.seconds,
        ),
        Column[Run](
            "Asked",
            lambda row: when(row.created_at, view.zone),
            sort="created",
            value=lambda row: row.created_at.isoformat() if row.created_at else None,
        ),
    )
    filters = [Filter("status", "State", {one: one for one in STATUSES})]
    if view.may("viewer"):  # to others the strategies are not shown
        strategies = await view.client.strategies.list()
        filters.append(Filter("strategy", "Strategy", {one.name: one.name for one in strategies}))
    if view.may("admin"):  # who else sees the runs of one tenant only
        filters.append(await tenant_filter(view))
    hint = tag(
        "span", "Start one with ", tag("code", "POST /v1/runs"), " or ", tag("code", "coe run"), "."
    )
    listing = Listing(
        "runs",
        columns,
        paged(
            lambda query: view.client.runs.list(
                status=query.filters.get("status"),
                strategy=query.filters.get("strategy"),
                tenant=query.filters.get("tenant"),
                q=query.search or None,
                sort=query.order,
                page_size=query.limit,
            )
        ),
        start=view.query,
        filters=filters,
        searchable="Task, answer, id or metadata",
        sort="-created",
        nothing=empty("No runs yet", hint, "account_tree"),
    )
    await listing.show()
    keep_fresh(listing.refresh, _EVERY_SECONDS)


def status(run: Run) -> Markup:
    """Return the state of a run, with what a check found of its answer."""
    checked = {True: " verified", False: " not verified", None: ""}[run.verified]
    tone = STATUSES.get(run.status, "")
    return badge(run.status, tone, dot=True) + (
        tag("span", checked, class_="small " + ("good" if run.verified else "warn"))
        if checked
        else Markup("")
    )


def _run(run: Run) -> Markup:
    answer = (run.answer or (run.error.message if run.error else "")).strip().splitlines()
    shown = answer[0][:90] if answer else ""
    return link(run.id, f"/admin/conductor/runs/{run.id}", "row-link mono") + tag(
        "span", shown, class_="sub clip"
    )
