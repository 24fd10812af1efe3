"""The local models of an expert: in memory or not, and what an operator can do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from coe_client.types import LocalMemory, LocalModel
from orchestrator.admin.parts import states
from orchestrator.admin.parts.asking import button, confirmed, telling
from orchestrator.admin.parts.markup import Markup, badge, facts, meter, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, size, span
from orchestrator.admin.parts.panels import panel
from orchestrator.admin.parts.sources import gathered
from orchestrator.admin.session import View

_STATES = {
    "disk": ("on disk", ""),
    "mapped": ("not loaded, but near", "info"),
    "loading": ("is being loaded", "info"),
    "loaded": ("in memory", "good"),
    "unloading": ("is being taken out", "info"),
    "unknown": ("not known", ""),
}
_EDITOR = "This needs the role editor."


async def draw_memory(view: View, expert_id: str) -> None:
    """Draw the panel."""
    with panel("In memory", "Of the replica that answers this page."):
        body = ui.element("div").classes("stack").props('aria-live="polite"')

    async def fill() -> None:
        models = [
            one for one in await gathered(view.client.residency.list()) if expert_id in one.experts
        ]
        _fill(view, expert_id, models, await view.client.residency.memory(), again)

    async def again() -> None:
        with body:
            await states.shown(fill)

    await again()


def _fill(
    view: View,
    expert_id: str,
    models: list[LocalModel],
    memory: LocalMemory,
    again: Callable[[], Awaitable[None]],
) -> None:
    for one in models:
        put(facts(_told(one)))
    if memory.budget:
        used = f"{size(memory.used)} of {size(memory.budget)} are taken by local models"
        bar = meter(memory.used / memory.budget, name="Memory for local models that is taken")
        put(tag("div", tag("span", used, class_="small soft"), bar))
    loaded = any(one.state in {"loaded", "loading"} for one in models)
    pinned = any(one.pinned for one in models)
    may, residency = view.may("editor"), view.client.residency

    async def load() -> None:
        async with telling("It is in memory."):
            await residency.load(expert_id)
        await again()

    async def unload() -> None:
        text = "The next request that needs it waits until it is loaded again."
        if await confirmed(f"Take '{expert_id}' out of memory?", text, "Take it out"):
            async with telling("It is out of memory."):
                await residency.unload(expert_id)
            await again()

    async def pin() -> None:
        async with telling("It makes room again." if pinned else "It stays, once it is loaded."):
            await (residency.unpin if pinned else residency.pin)(expert_id)
        await again()

    with ui.element("div").classes("line"):
        if loaded:
            button("Unload", unload, icon="eject", enabled=may, why_not=_EDITOR)
        else:
            button("Load", load, icon="memory", kind="primary", enabled=may, why_not=_EDITOR)
        name = "Let it make room" if pinned else "Keep it in memory"
        button(name, pin, icon="push_pin", enabled=may, why_not=_EDITOR)


def _told(one: LocalModel) -> list[tuple[str, str | Markup]]:
    text, tone = _STATES.get(one.state, (one.state, ""))
    kept = badge("stays", "accent") if one.pinned else Markup("")
    measured = "" if one.measured else " (estimated)"
    return [
        ("Model", tag("code", one.model)),
        ("State", badge(text, tone, dot=True) + " " + kept),
        ("Size", f"{size(one.size)}{measured}" if one.size else ""),
        ("In use by", f"{count(one.in_use)} requests, {count(one.waiting)} wait"),
        ("Loaded", f"{count(one.loads)} times by this replica"),
        ("Idle for", span(one.idle_seconds) if one.idle_seconds is not None else ""),
    ]
