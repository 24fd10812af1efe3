"""One expert: how it is, what it did, what it has been, and changing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from nicegui import ui

from coe_client.errors import NotFoundError
from coe_client.types import ExpertFigures, ExpertRecord
from orchestrator.admin.pages.experts import admission, editing, history, now, trying, versions
from orchestrator.admin.pages.experts.entry import concise
from orchestrator.admin.pages.experts.health import health
from orchestrator.admin.parts.asking import button, confirmed, go, reload, telling
from orchestrator.admin.parts.live import replace
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import note_box, panel
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.tabs import tabs
from orchestrator.admin.parts.titles import set_title
from orchestrator.admin.session import View

_TABS = {
    "now": "Now",
    "history": "Over time",
    "try": "Try it",
    "versions": "Versions",
    "edit": "Edit",
}
_DRAWN: dict[str, Callable[[View, ExpertRecord], Awaitable[None]]] = {
    "history": history.draw,
    "try": trying.draw,
    "versions": versions.draw,
    "edit": editing.draw,
}
_EDITOR = "This needs the role editor."


async def draw(view: View) -> None:
    """Draw the page; the tab is in its address."""
    expert_id = view.path["expert_id"]
    try:
        record = await view.client.experts.get(expert_id)
        figures = await view.client.overview.expert(expert_id)
    except NotFoundError:
        set_title(expert_id)
        with panel():
            back = link("All experts", "/admin/experts")
            put(empty(f"There is no expert '{expert_id}'", ["It may be deleted. ", back], "hub"))
        return
    set_title(record.expert.name or expert_id)
    shown = _head(view, record, figures)
    chosen = view.query.get("tab", "now")
    chosen = chosen if chosen in _TABS else "now"
    put(_tabs(expert_id, chosen))
    if chosen == "now":
        await now.draw(view, record, figures, shown)
        await admission.draw(view, record)
    else:
        await _DRAWN[chosen](view, record)


def _tabs(expert_id: str, chosen: str) -> Markup:
    address = f"/admin/experts/{expert_id}"
    queries = {key: "" if key == "now" else f"?tab={key}" for key in _TABS}
    return tabs({key: (name, address + queries[key]) for key, name in _TABS.items()}, chosen)


def _head(view: View, record: ExpertRecord, known: ExpertFigures) -> now.Shown:
    """Draw what stands above the tabs; what is returned draws the part of it that changes by itself."""
    with ui.element("div").classes("line"):
        badges = put(Markup("")).classes("line live")
        ui.element("span").classes("push")
        _changes(view, record)
    if record.expert.description:
        put(tag("p", record.expert.description, class_="soft"))
    problem = put(Markup("")).classes("live").props('aria-live="polite"')

    def shown(known: ExpertFigures) -> None:
        tags = [_tag(name) for name in known.tags]
        replace(
            badges,
            tag("code", known.id, class_="soft") + Markup("").join([health(known.health), *tags]),
        )
        tone = "bad" if known.health == "down" else "warn"
        replace(problem, note_box(known.problem, tone) if known.problem else Markup(""))

    shown(known)
    return shown


def _tag(name: str) -> Markup:
    return tag("a", badge(name, "accent"), href=f"/admin/experts?{urlencode({'tag': name})}")


def _changes(view: View, record: ExpertRecord) -> None:
    expert, may = record.expert, view.may("editor")

    async def switch() -> None:
        if expert.enabled:
            text = "Requests that name it are refused, and the router does not choose it any more."
            if not await confirmed(f"Switch off '{expert.id}'?", text, "Switch it off"):
                return
        entry = {**concise(versions.entry(record)), "enabled": not expert.enabled}
        async with telling("It is off." if expert.enabled else "It is on."):
            await view.client.experts.update(expert.id, entry, expected_version=record.version)
            reload()

    async def delete() -> None:
        text = (
            "It leaves the catalogue, and requests that name it are refused. What it has been is kept: "
            "added again under this id, it has its history back."
        )
        if await confirmed(f"Delete '{expert.id}'?", text, "Delete it", danger=True):
            async with telling():
                await view.client.experts.retire(expert.id)
                go("/admin/experts")

    button(
        "Copy",
        lambda: go(f"/admin/add-expert?like={expert.id}"),
        icon="content_copy",
        kind="quiet",
        enabled=may,
        why_not=_EDITOR,
    )
    name, icon = ("Switch off", "pause") if expert.enabled else ("Switch on", "play_arrow")
    button(name, switch, icon=icon, enabled=may, why_not=_EDITOR)
    button("Delete", delete, icon="delete", kind="danger", enabled=may, why_not=_EDITOR)
