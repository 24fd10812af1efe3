"""Tenants: whose keys, limits and records are kept apart."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import TenantRecord
from orchestrator.admin.parts.asking import button, go, telling
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count
from orchestrator.admin.parts.panels import actions
from orchestrator.admin.parts.sources import paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw the page."""
    with actions("Whose keys, budgets, kept answers and records are kept apart."):
        button(
            "New tenant",
            lambda: _make(view),
            kind="primary",
            icon="add",
            enabled=view.may("admin"),
            why_not="This needs the role admin.",
        )
    columns = (
        Column[TenantRecord]("Tenant", _tenant, sort="id", value=lambda row: row.id),
        Column[TenantRecord]("State", state, value=lambda row: str(row.suspended_at or "active")),
        Column[TenantRecord](
            "Working keys",
            lambda row: count(row.active_keys),
            numeric=True,
            value=lambda row: row.active_keys,
        ),
        Column[TenantRecord](
            "Last used", lambda row: when(row.last_used_at, view.zone), sort="last_used"
        ),
        Column[TenantRecord]("Made", lambda row: when(row.created_at, view.zone), sort="created"),
    )
    listing = Listing(
        "tenants",
        columns,
        paged(
            lambda query: view.client.tenants.list(
                q=query.search or None,
                suspended={"suspended": True, "active": False}.get(query.filters.get("state", "")),
                sort=f"{'-' if query.descending else ''}{query.sort}" if query.sort else None,
                page_size=query.limit,
            )
        ),
        start=view.query,
        searchable="Search tenants",
        filters=(Filter("state", "State", {"active": "active", "suspended": "suspended"}),),
        nothing=empty("No tenants", "The first key belongs to the tenant 'default'.", "apartment"),
        sort="id",
    )
    await listing.show()


def state(row: TenantRecord) -> Markup:
    """Return whether a tenant's keys work."""
    return (
        badge("suspended", "warn", dot=True)
        if row.suspended_at
        else badge("active", "good", dot=True)
    )


def _tenant(row: TenantRecord) -> Markup:
    return link(row.id, f"/admin/tenants/{row.id}", "row-link") + tag(
        "span", row.name, class_="sub"
    )


async def _make(view: View) -> None:
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        put(tag("h2", "New tenant"))
        put(
            tag(
                "p",
                "Its keys, limits, usage and kept answers are apart from everybody else's.",
                class_="soft",
            )
        )
        tenant = ui.input("Id", placeholder="such as acme").props(
            "outlined dense autofocus stack-label"
        )
        name = ui.input("Name (optional)").props("outlined dense")

        async def make() -> None:
            async with telling():
                made = await view.client.tenants.put(tenant.value.strip(), name=name.value.strip())
                go(f"/admin/tenants/{made.id}")

        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Cancel", dialog.close)
            button("Make the tenant", make, kind="primary")
    await dialog
    dialog.delete()
