"""A page for one more expert: which kind, its form, and whether it would do."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from orchestrator.admin.pages.experts import trial
from orchestrator.admin.pages.experts.entry import Entry, concise
from orchestrator.admin.pages.experts.form import Form
from orchestrator.admin.pages.experts.providers import PROVIDERS, Provider
from orchestrator.admin.parts.asking import go
from orchestrator.admin.parts.markup import Markup, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.sources import gathered
from orchestrator.admin.session import View

ADDRESS = "/admin/add-expert"


async def draw(view: View) -> None:
    """Draw the page; the kind, and the expert that is copied, are in its address."""
    start: dict[str, Any] = {}
    if like := view.query.get("like"):
        record = await view.client.experts.get(like)
        start = concise(record.expert.model_dump(mode="json", exclude_unset=True))
        start["id"] = ""
    known = {one.name for one in PROVIDERS}
    chosen = view.query.get("provider", start.get("provider", ""))
    if not chosen:
        put(tag("p", "What shall answer? Each kind asks only for what it needs.", class_="soft"))
    put(_kinds(chosen))
    if chosen not in known:
        return
    form = Form(view, {**start, "provider": chosen}, fresh=True, secrets=await stored_names(view))

    async def check(entry: Entry) -> None:
        await checked(view, entry, fresh=True)

    async def save(entry: Entry) -> None:
        added = await view.client.experts.create(entry)
        go(f"/admin/experts/{added.expert.id}?tab=try")

    form.buttons(save, check, "Add the expert")
    trial.draw(view, form)


async def checked(view: View, entry: Entry, *, fresh: bool) -> None:
    """Say whether an entry would be accepted, and what it would change.

    Raises:
        APIStatusError: What is wrong with it.
    """
    result = await view.client.experts.apply([entry], dry_run=True)
    change = next(iter(result.changes), None)
    if fresh and change is not None and change.action != "create":
        text = f"There is an expert '{change.id}' already: choose another id, or change that one."
        ui.notify(text, type="warning", timeout=6_000)
    elif not fresh and change is not None and change.fields:
        ui.notify(f"It would do. It changes: {', '.join(sorted(change.fields))}.", type="positive")
    elif not fresh:
        ui.notify("It would do, and changes nothing.", type="info")
    else:
        ui.notify("It would do.", type="positive")


async def stored_names(view: View) -> list[str]:
    """Return the names of stored secrets, none for those who may not know them."""
    if not view.may("admin"):
        return []
    return [one.name for one in await gathered(view.client.secrets.list())]


def _kinds(chosen: str) -> Markup:
    return tag(
        "nav",
        [_kind(one, current=one.name == chosen) for one in PROVIDERS],
        class_="kinds chosen" if chosen else "kinds",
        aria_label="Kinds of experts",
    )


def _kind(one: Provider, *, current: bool) -> Markup:
    icon = tag("span", one.icon, class_="material-icons", aria_hidden="true")
    text = tag("span", tag("strong", one.title), tag("span", one.text, class_="small soft"))
    return tag(
        "a",
        icon,
        text,
        href=f"{ADDRESS}?provider={one.name}",
        class_="kind",
        aria_current="true" if current else None,
    )
