"""Budgets of all tenants and keys: how much is used, and when they run out."""

from __future__ import annotations

from coe_client.types import Budget
from orchestrator.admin.pages.access.budget import outlook, spent
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.markup import Markup, badge, link, meter, tag
from orchestrator.admin.parts.numbers import share
from orchestrator.admin.parts.panels import lead
from orchestrator.admin.parts.sources import paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View

_TONES = {"ok": "good", "near": "warn", "spent": "bad"}
_TIMES = 10.0
"""From so many times a budget on, per cent are hard to read."""
_NAMES = {"ok": "fine", "near": "nearly used", "spent": "used up"}


async def draw(view: View) -> None:
    """Draw the page."""
    lead("How much of each budget is used, and when it will be used up at the present pace.")
    columns = (
        Column[Budget](
            "Whose", _whose, sort="tenant", value=lambda row: row.key_name or row.tenant
        ),
        Column[Budget]("Used", _used, sort="share", value=lambda row: row.share),
        Column[Budget]("State", _state, value=lambda row: row.state),
        Column[Budget]("Money", lambda row: [spent(one) for one in row.budgets]),
        Column[Budget]("Outlook", lambda row: [outlook(one, view.zone) for one in row.budgets]),
    )
    listing = Listing(
        "budgets",
        columns,
        paged(
            lambda query: view.client.budgets.list(
                q=query.search or None,
                state=query.filters.get("state"),
                sort=f"{'-' if query.descending else ''}{query.sort}" if query.sort else None,
                page_size=query.limit,
            )
        ),
        start=view.query,
        searchable="Search tenants and keys",
        filters=(Filter("state", "State", _NAMES),),
        nothing=empty(
            "No budgets are set",
            [
                "Set one on a ",
                link("tenant", "/admin/tenants"),
                " or a ",
                link("key", "/admin/keys") if view.may("admin") else "key",
                ".",
            ],
            "savings",
        ),
        sort="-share",
    )
    await listing.show()


def _whose(row: Budget) -> Markup:
    tenant = link(row.tenant_name or row.tenant, f"/admin/tenants/{row.tenant}", "row-link")
    key = f"key {row.key_name or row.key_id}" if row.key_id else "all its keys together"
    return tenant + tag("span", key, class_="sub")


def _used(row: Budget) -> Markup:
    if row.share is None:
        return tag("span", "not known now", class_="faint")
    tone = {"near": "warn", "spent": "bad"}.get(row.state, "")
    return meter(row.share, tone, name="Used") + tag("span", _part(row.share), class_="sub")


def _part(used: float) -> str:
    return share(used, 0) if used < _TIMES else f"{used:,.0f} times"


def _state(row: Budget) -> Markup:
    return badge(_NAMES.get(row.state, row.state), _TONES.get(row.state, ""), dot=True)
