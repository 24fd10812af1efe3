"""The catalogue: every expert, how it is, and what it did in the last day."""

from __future__ import annotations

from coe_client.types import ExpertFigures
from orchestrator.admin.pages.experts.adding import ADDRESS
from orchestrator.admin.pages.experts.health import HEALTH, MEMORY, health
from orchestrator.admin.pages.experts.providers import PROVIDERS
from orchestrator.admin.parts.asking import button, go
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.markup import Markup, badge, link, meter, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, seconds, share
from orchestrator.admin.parts.panels import actions, note_box
from orchestrator.admin.parts.sources import Query, paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View

_UNEASY, _BAD = 0.05, 0.2
"""Shares of failed calls from which on the number stands out."""


async def draw(view: View) -> None:
    """Draw the page."""
    with actions("Who can answer. Figures are of the last 24 hours."):
        button(
            "Add an expert",
            lambda: go(ADDRESS),
            kind="primary",
            icon="add",
            enabled=view.may("editor"),
            why_not="This needs the role editor.",
        )
    if only := view.query.get("tag"):
        every = link("Show all experts", "/admin/experts")
        put(note_box(["Only those with the tag ", badge(only, "accent"), ". ", every]))
    listing = Listing(
        "experts",
        columns(),
        paged(
            lambda query: view.client.overview.experts(
                q=query.search or None,
                health=query.filters.get("health"),
                provider=query.filters.get("provider"),
                tag=view.query.get("tag"),
                sort=order(query),
                page_size=query.limit,
            )
        ),
        start=view.query,
        searchable="Search experts",
        filters=(
            Filter("health", "Health", {key: name for key, (name, _) in HEALTH.items()}),
            Filter("provider", "Kind", {one.name: one.title for one in PROVIDERS}),
        ),
        sort="name",
        nothing=empty(
            "No expert yet",
            [
                "An expert is a model that answers. ",
                link("Add the first one", ADDRESS) if view.may("editor") else "There is none",
                ".",
            ],
            "hub",
        ),
    )
    await listing.show()


def order(query: Query) -> str | None:
    """Return what is sorted by as the API calls it."""
    return (f"-{query.sort}" if query.descending else query.sort) or None


def columns() -> tuple[Column[ExpertFigures], ...]:
    """Return the columns of the catalogue."""
    return (
        Column("Expert", _name, sort="name", value=lambda row: row.id),
        Column("Health", _health, value=lambda row: row.health),
        Column(
            "Share of requests",
            _share,
            numeric=True,
            value=lambda row: row.day.requests_share,
            wide_only=True,
        ),
        Column(
            "Requests",
            lambda row: count(row.day.requests),
            sort="requests",
            numeric=True,
            value=lambda row: row.day.requests,
        ),
        Column(
            "Latency",
            _latency,
            sort="latency",
            numeric=True,
            value=lambda row: row.day.latency_ms.p50,
        ),
        Column("Cost", _cost, sort="cost", numeric=True, value=lambda row: row.day.cost_usd),
        Column(
            "Failed calls",
            _errors,
            sort="errors",
            numeric=True,
            value=lambda row: row.day.error_share,
        ),
    )


def _name(row: ExpertFigures) -> Markup:
    name = link(row.name or row.id, f"/admin/experts/{row.id}", "row-link")
    kind = next((one.title for one in PROVIDERS if one.name == row.provider), row.provider)
    below = [row.id] if row.name and row.name != row.id else []
    memory = [MEMORY[row.residency]] if row.residency in MEMORY else []
    return name + tag("span", " · ".join([*below, kind, *memory]), class_="sub")


def _health(row: ExpertFigures) -> Markup:
    below = tag("span", row.problem, class_="sub") if row.problem else None
    return tag("div", health(row.health), below)


def _share(row: ExpertFigures) -> Markup:
    part = row.day.requests_share or 0.0
    bar = meter(part, name="Share of all requests")
    return tag("span", bar, tag("span", share(part), class_="num"), class_="metered")


def _latency(row: ExpertFigures) -> Markup:
    took = row.day.latency_ms
    if took.p50 is None:
        return tag("span", "–", class_="faint")
    p99 = tag("span", f"p99 {seconds((took.p99 or 0) / 1000)}", class_="sub")
    half = tag("span", seconds(took.p50 / 1000), title="Half of the answers were there by then")
    return tag("div", half, p99)


def _cost(row: ExpertFigures) -> Markup:
    if not row.priced and row.provider not in {"local", "python", "scripted", "replay"}:
        return badge("no price", "warn")
    return tag("span", money(row.day.cost_usd))


def _errors(row: ExpertFigures) -> Markup:
    part = row.day.error_share
    if part is None:
        return tag("span", "–", class_="faint")
    tone = "bad" if part >= _BAD else "warn" if part >= _UNEASY else None
    of = tag("span", f"{count(row.day.failed_calls)} of {count(row.day.calls)}", class_="sub")
    return tag("div", tag("span", share(part), class_=tone), of)
