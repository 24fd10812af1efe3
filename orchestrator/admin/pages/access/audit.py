"""The audit log: who changed what, in a chain that nobody can mend unseen."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from nicegui import ui

from coe_client.types import AuditEntry
from orchestrator.admin.pages.access.audit_words import in_words
from orchestrator.admin.parts.asking import button, telling
from orchestrator.admin.parts.listing import Column, Filter, Listing, act
from orchestrator.admin.parts.markup import Markup, badge, facts, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import moment
from orchestrator.admin.parts.panels import lead
from orchestrator.admin.parts.sources import Query, paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

_EVENTS = {"asked": "info", "done": "good", "refused": "warn", "failed": "bad", "noted": ""}
_RANGES = {"1": "last day", "7": "last week", "30": "last month", "365": "last year"}


async def draw(view: View) -> None:
    """Draw the page."""
    head = await view.client.audit.head()
    so_far = f": {head.number:,} entries so far" if head.number else ""
    lead(
        [
            f"Every change, before it is made and after{so_far}, each with the hash of the one before. ",
            tag("code", "coe audit verify"),
            " checks them all",
            *([", up to the last one's hash ", tag("code", head.hash[:16])] if head.number else []),
            ".",
        ]
    )

    async def pressed(data: dict[str, str]) -> None:
        await _show(view, int(data["number"]))

    columns = (
        Column[AuditEntry](
            "When", lambda row: when(row.at, view.zone), value=lambda row: row.at.isoformat()
        ),
        Column[AuditEntry]("Who", _who, value=lambda row: row.actor_name or row.actor),
        Column[AuditEntry]("Event", _event, value=lambda row: row.event),
        Column[AuditEntry]("What", _what, value=lambda row: row.action),
        Column[AuditEntry](
            "Tenant", lambda row: row.tenant, value=lambda row: row.tenant, wide_only=True
        ),
        Column[AuditEntry](
            "",
            lambda row: act("Show the entry", "show", "unfold_more", number=str(row.number)),
            numeric=True,
        ),
    )
    listing = Listing(
        "audit entries",
        columns,
        paged(
            lambda query: view.client.audit.list(
                q=query.search or None,
                event=query.filters.get("event"),
                since=_since(query),
                target=view.query.get("target"),
                actor=view.query.get("actor"),
                page_size=query.limit,
            )
        ),
        start=view.query,
        searchable="Search who, what, from where",
        filters=(
            Filter("event", "Event", {event: event for event in _EVENTS}),
            Filter("days", "Time", _RANGES),
        ),
        nothing=empty(
            "Nothing was changed yet",
            "Every change by API, command or page is written here.",
            "history",
        ),
        act=pressed,
    )
    await listing.show()


def _since(query: Query) -> datetime | None:
    days = query.filters.get("days")
    return datetime.now(UTC) - timedelta(days=int(days)) if days else None


def _who(row: AuditEntry) -> Markup:
    return tag("span", row.actor_name or row.actor, class_="strong") + tag(
        "span", row.address, class_="sub"
    )


def _what(row: AuditEntry) -> Markup:
    words = in_words(row.action)
    if words is None:
        return tag("span", row.action, class_="strong")
    return tag("span", words, class_="strong") + tag("code", row.action, class_="sub")


def _event(row: AuditEntry) -> Markup:
    return badge(row.event, _EVENTS.get(row.event, ""))


async def _show(view: View, number: int) -> None:
    async with telling():
        entry = await view.client.audit.get(number)
        with ui.dialog() as dialog, ui.card().classes("dialog wide"):
            put(tag("h2", f"Entry {entry.number}"))
            put(
                facts(
                    [
                        ("When", moment(entry.at, view.zone)),
                        (
                            "Who",
                            f"{entry.actor_name} ({entry.actor})"
                            if entry.actor_name
                            else entry.actor,
                        ),
                        ("From", entry.address),
                        ("What", tag("code", entry.action)),
                        ("Event", _event(entry)),
                        ("Status", str(entry.status or "")),
                        ("Request", tag("code", entry.request_id)),
                        ("Hash", tag("code", entry.hash[:32])),
                    ]
                )
            )
            rows = changes(entry.before, entry.after)
            if rows:
                put(table("What changed", ("Field", "Before", "After"), rows))
            elif entry.body:
                put(tag("h3", "What was asked"))
                put(tag("pre", _json(entry.body), class_="block", tabindex="0"))
            with ui.element("div").classes("line").style("justify-content: flex-end"):
                button("Close", dialog.close, kind="primary")
        await dialog
        dialog.delete()


def changes(before: object, after: object) -> list[tuple[str, str, str]]:
    """Return what differs, field by field.

    Args:
        before: The thing as it was; ``None``: it was not there.
        after: As it is; ``None``: it is gone.
    """
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    return [
        (name, _json(old.get(name)), _json(new.get(name)))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _json(value: object) -> str:
    return "–" if value is None else json.dumps(value, indent=2, ensure_ascii=False, default=str)
