"""All versions: candidates, what is tried beside, what decides, what did."""

from __future__ import annotations

from nicegui import ui

from coe_client.types import RouterVersion
from orchestrator.admin.parts.asking import button, confirmed, telling
from orchestrator.admin.parts.listing import Column, Listing
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.numbers import share
from orchestrator.admin.parts.panels import actions
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

TONES = {"active": "good", "canary": "info", "shadow": "info", "candidate": "accent", "retired": ""}


async def draw(view: View, _: str) -> None:
    """Draw the list."""
    with actions("One version decides; others can be tried beside it, or wait."):
        button(
            "Roll back",
            lambda: roll_back(view, listing),
            icon="undo",
            enabled=view.may("admin"),
            why_not="This needs the role admin.",
        )
    columns = (
        Column[RouterVersion](
            "Version", _name, sort="version", value=lambda row: row.version or row.id
        ),
        Column[RouterVersion]("State", status, value=lambda row: row.status),
        Column[RouterVersion](
            "Experts", lambda row: str(len(row.experts)) if row.experts else "all", numeric=True
        ),
        Column[RouterVersion]("Policies", lambda row: ", ".join(row.policies), wide_only=True),
        Column[RouterVersion]("Made", lambda row: when(row.created_at, view.zone), sort="created"),
        Column[RouterVersion](
            "By", lambda row: row.created_by, value=lambda row: row.created_by, wide_only=True
        ),
        Column[RouterVersion]("Changed", lambda row: when(row.status_changed_at, view.zone)),
    )
    listing = Listing(
        "router versions",
        columns,
        whole(
            lambda: gathered(view.client.routers.list()),
            text=lambda row: f"{row.id} {row.version} {row.note} {row.status}",
            values={"version": lambda row: row.version, "created": lambda row: row.created_at},
        ),
        start=view.query,
        searchable="Search versions",
    )
    await listing.show()


async def roll_back(view: View, listing: Listing[RouterVersion] | None) -> None:
    """Let the version before decide again, if that is wanted."""
    text = "The version that was active before decides again, on every replica within a second."
    if await confirmed("Roll the router back?", text, "Roll back", danger=True):
        async with telling():
            active = await view.client.routers.rollback()
            ui.notify(f"{active.version or active.id} decides again.", type="positive")
        if listing is not None:
            await listing.refresh()


def status(row: RouterVersion) -> Markup:
    """Return what a version does."""
    part = (
        tag("span", f" {share(row.share, 0)} of requests", class_="small soft")
        if row.share
        else Markup("")
    )
    return badge(row.status, TONES.get(row.status, ""), dot=True) + part


def _name(row: RouterVersion) -> Markup:
    name = link(row.version or row.id, f"/admin/router/versions/{row.id}", "row-link")
    return name + tag("span", row.note or ("built in" if row.built_in else row.id), class_="sub")
