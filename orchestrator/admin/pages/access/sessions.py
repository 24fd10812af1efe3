"""Who is signed in."""

from __future__ import annotations

from coe_client.types import Session
from orchestrator.admin.parts.asking import confirmed, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import Markup, badge, tag
from orchestrator.admin.parts.panels import lead
from orchestrator.admin.parts.sources import paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

_WAYS = {"key": "with a key", "oidc": "by the identity provider"}


async def draw(view: View) -> None:
    """Draw the page."""

    async def pressed(data: dict[str, str]) -> None:
        text = "Whoever uses it has to sign in again."
        if await confirmed("End this session?", text, "End it", danger=True):
            async with telling("Ended."):
                await view.client.sessions.end(data["id"])
            await listing.refresh()

    lead("Browsers that are signed in at these pages.")
    columns = (
        Column[Session]("Who", _who, value=lambda row: row.name or row.actor),
        Column[Session]("Role", lambda row: row.role, value=lambda row: row.role),
        Column[Session]("Tenant", lambda row: row.tenant, value=lambda row: row.tenant),
        Column[Session]("From", _place, value=lambda row: row.address),
        Column[Session]("Since", lambda row: when(row.started_at, view.zone)),
        Column[Session]("Last seen", lambda row: when(row.last_used_at, view.zone)),
        Column[Session]("Ends", lambda row: when(row.expires_at, view.zone)),
        Column[Session](
            "", lambda row: act("End the session", "end", "logout", id=row.id), numeric=True
        ),
    )
    listing = Listing(
        "sessions",
        columns,
        paged(
            lambda query: view.client.sessions.list(q=query.search or None, page_size=query.limit)
        ),
        start=view.query,
        searchable="Search sessions",
        nothing=empty(
            "Nobody is signed in",
            "Whoever signs in with a key or at the identity provider is listed here.",
            "devices",
        ),
        act=pressed,
    )
    await listing.show()


def _who(row: Session) -> Markup:
    here = badge("this one", "accent") if row.current else Markup("")
    return (
        tag("span", row.name or row.actor, " ", class_="strong")
        + here
        + tag("span", _WAYS.get(row.way, row.way), class_="sub")
    )


def _place(row: Session) -> Markup:
    return tag("span", row.address or "–") + tag(
        "span", (row.agent or "")[:60], class_="sub", title=row.agent
    )
