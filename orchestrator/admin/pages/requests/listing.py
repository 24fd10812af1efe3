"""The log of requests: searched, filtered, sorted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from nicegui import ui

from coe_client import AsyncCoe
from coe_client.types import UsageRecord
from orchestrator.admin.pages.overview.ranges import CUSTOM, range_of
from orchestrator.admin.pages.requests.search import Asked, asked
from orchestrator.admin.pages.requests.story import STATES
from orchestrator.admin.parts.asking import button, go
from orchestrator.admin.parts.filters import expert_filter, tenant_filter
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.markup import Content, Markup, badge, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, seconds, share
from orchestrator.admin.parts.sources import Query, Rows, Source
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

_DOUBTFUL = 0.3
"""Probability of the category general below which it was not what the router took it for, but unsure."""
_RARE = ("policy", "cache", "cost", "took")
_MORE = """() => {
  const list = document.querySelector(".requests-list");
  const open = list.classList.toggle("more-filters");
  const button = document.querySelector(".more-filters-button");
  if (button) button.setAttribute("aria-expanded", open);
}"""


async def draw(view: View) -> None:
    """Draw the page."""
    opened = any(view.query.get(key) for key in _RARE)
    with ui.element("div").classes("line requests-bar"):
        put(
            tag(
                "p",
                "Every request, with where it went and what it cost. Open one to see why.",
                class_="soft",
            )
        )
        ui.element("span").classes("push")
        button("Refresh", lambda: listing.refresh(), icon="refresh", kind="quiet")
        button("From … to …", lambda: _range(view, listing), icon="date_range", kind="quiet")
        more = button("More filters", lambda: None, icon="tune", kind="quiet")
        more.classes("more-filters-button").props(f'aria-expanded="{str(opened).lower()}"')
        more.on("click", js_handler=_MORE)
    filters = await _filters(view)
    classes = ["requests-list"]
    classes += ["more-filters"] if opened else []
    classes += ["custom-range"] if view.query.get("range") == CUSTOM else []
    with ui.element("div").classes(" ".join(classes)):
        listing = Listing(
            "requests",
            _columns(view),
            source(view),
            start=view.query,
            filters=filters,
            searchable="Request id or session",
            nothing=empty(
                "No requests yet",
                ["Send one from the ", link("playground", "/admin/playground"), "."],
                "receipt_long",
            ),
            sort="-time",
        )
        await listing.show()


def source(view: View) -> Source[UsageRecord]:
    """Return where the rows come from: the API searches, filters, sorts and pages."""
    client: AsyncCoe = view.client

    async def fetch(query: Query) -> Rows[UsageRecord]:
        wanted: Asked = asked(query, view.query, view.zone)
        page = await client.usage.page(
            after=query.after,
            limit=query.limit,
            since=wanted.since,
            until=wanted.until,
            **wanted.only,
        )
        return Rows(page.data, page.next if page.has_more else None, page.total)

    return fetch


async def _filters(view: View) -> list[Filter]:
    client = view.client
    router = await client.router.get()
    ranges = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
    if view.query.get("range") == CUSTOM:
        chosen = range_of(view.query, view.zone)
        if chosen.key == CUSTOM:
            begin, end = (
                one.astimezone(view.zone).strftime("%d %b %H:%M") if one else "now"
                for one in (chosen.since, chosen.until)
            )
            ranges[CUSTOM] = f"{begin} to {end}"
    categories = {one.id: one.id for one in router.categories}
    if view.query.get("category"):  # perhaps one of a router before
        categories.setdefault(view.query["category"], view.query["category"])
    return [
        Filter("range", "Time", ranges),
        Filter("status", "Status", {key: name for key, (name, _) in STATES.items()}),
        await expert_filter(view),
        Filter("category", "Category", categories),
        await tenant_filter(view),
        Filter("policy", "Policy", {name: name for name in router.policies}),
        Filter(
            "cache",
            "Cache",
            {
                "any": "Any hit",
                "hit": "Hit",
                "shared": "Shared",
                "similar": "Similar",
                "miss": "Miss",
            },
        ),
        Filter(
            "cost",
            "Cost at least",
            {"0.0001": "$0.0001", "0.001": "$0.001", "0.01": "$0.01", "0.1": "$0.1", "1": "$1"},
        ),
        Filter(
            "took",
            "Took at least",
            {"100": "100 ms", "1000": "1 s", "5000": "5 s", "30000": "30 s", "120000": "2 min"},
        ),
    ]


def _columns(view: View) -> list[Column[UsageRecord]]:
    now = datetime.now(UTC)
    return [
        Column(
            "Request",
            lambda row: _request(row, view, now),
            sort="time",
            value=lambda row: row.request_id,
        ),
        Column("Asked for", _asked_for, value=lambda row: row.model),
        Column("Went to", _went_to, value=lambda row: row.expert),
        Column("Category", _category, value=lambda row: row.category, wide_only=True),
        Column("Status", _status, value=lambda row: row.status),
        Column("Tokens", _tokens, numeric=True, value=_all_tokens, wide_only=True),
        Column(
            "Cost",
            lambda row: money(row.cost_usd),
            sort="cost",
            numeric=True,
            value=lambda row: row.cost_usd,
        ),
        Column(
            "Took",
            _took,
            sort="duration",
            numeric=True,
            value=lambda row: row.duration_ms,
        ),
        Column("Tenant", lambda row: row.tenant, value=lambda row: row.tenant, wide_only=True),
        Column(
            "Asked at",
            lambda row: when(row.started_at, view.zone, now),
            value=lambda row: row.started_at.isoformat() if row.started_at else None,
            wide_only=True,
        ),
    ]


def _request(row: UsageRecord, view: View, now: datetime) -> Markup:
    name = tag("span", f"…{row.request_id[-10:]}", class_="mono")
    opened = tag(
        "a",
        name,
        href=f"/admin/requests/{row.request_id}",
        class_="row-link nowrap",
        title=row.request_id,
    )
    return opened + tag("span", when(row.started_at, view.zone, now), class_="sub only-small")


def _asked_for(row: UsageRecord) -> Markup:
    streamed = tag("span", "streamed", class_="sub") if row.streamed else Markup("")
    return tag("div", tag("span", row.model or "–"), streamed)


def _went_to(row: UsageRecord) -> Content:
    if row.expert:
        return link(row.expert, f"/admin/experts/{row.expert}")
    strategy = (row.model or "").removeprefix("coe-")
    return tag("span", f"strategy {strategy}" if row.status == "ok" else "nobody", class_="soft")


def _category(row: UsageRecord) -> Content:
    if not row.category:
        return tag("span", "expert was named", class_="faint")
    if row.confidence is None:
        return row.category
    doubtful = row.category == "general" and row.confidence < _DOUBTFUL
    sure = "no clear kind" if doubtful else f"{share(row.confidence, 0)} sure"
    return tag("div", row.category, tag("span", sure, class_="sub"))


def _status(row: UsageRecord) -> Markup:
    name, tone = STATES.get(row.status or "", (row.status or "–", ""))
    cached = badge("cache", "info") if row.cache in {"hit", "shared", "similar"} else None
    code = tag("span", row.error_code, class_="sub") if row.error_code else None
    return tag("div", tag("span", badge(name, tone, dot=True), cached, class_="line tight"), code)


def _all_tokens(row: UsageRecord) -> int:
    return (row.prompt_tokens or 0) + (row.completion_tokens or 0)


def _tokens(row: UsageRecord) -> Markup:
    out = tag("span", f"{count(row.completion_tokens)} out", class_="sub")
    return tag("div", count(_all_tokens(row)), out)


def _took(row: UsageRecord) -> Content:
    whole = seconds(row.duration_ms / 1000) if row.duration_ms is not None else "–"
    if not row.streamed or row.first_token_ms is None:
        return whole
    first = tag("span", f"first {seconds(row.first_token_ms / 1000)}", class_="sub")
    return tag("div", whole, first)


def _range(view: View, listing: Listing[UsageRecord]) -> None:
    """Ask for a range of time, and open the page for it."""
    now = datetime.now(view.zone)
    begin = view.query.get("since") or (now - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    end = view.query.get("until") or now.strftime("%Y-%m-%dT%H:%M")
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        put(tag("h2", "Requests of a range of time"))
        since = ui.input("From", value=begin).props("type=datetime-local outlined stack-label")
        until = ui.input("To", value=end).props("type=datetime-local outlined stack-label")

        def show() -> None:
            chosen = {"range": CUSTOM, "since": since.value or "", "until": until.value or ""}
            if range_of(chosen, view.zone).key != CUSTOM:
                until.error = "It ends before it begins."
                until.update()
                return
            query = listing.query
            order = ("-" if query.descending else "") + query.sort
            kept = {**query.filters, "q": query.search, "sort": order}
            asked = {**kept, **chosen}
            go("/admin/requests?" + urlencode({k: v for k, v in asked.items() if v}))

        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", dialog.close)
            button("Show", show, kind="primary")
    dialog.open()
