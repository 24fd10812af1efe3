"""The parts of the page as tabs, for one version of the router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from nicegui import ui

from coe_client.types import RouterInfo
from orchestrator.admin.pages.router import mapping, prompts, quality, scores, taxonomy, versions
from orchestrator.admin.parts.asking import go
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import note_box
from orchestrator.admin.parts.sources import gathered
from orchestrator.admin.parts.tabs import tabs
from orchestrator.admin.session import View

Part = Callable[[View, str], Awaitable[None]]
_TABS: dict[str, tuple[str, Part]] = {
    "mapping": ("Mapping and budgets", mapping.draw),
    "versions": ("Versions", versions.draw),
    "quality": ("Quality", quality.draw),
    "scores": ("Scores", scores.draw),
    "taxonomy": ("Categories", taxonomy.draw),
    "prompts": ("Map of prompts", prompts.draw),
}


async def draw(view: View) -> None:
    """Draw the page; tab and version are in its address."""
    tab = view.query.get("tab", "mapping")
    tab = tab if tab in _TABS else "mapping"
    router = await view.client.router.get()
    version = view.query.get("version") or router.id
    put(tabs({key: (name, address(key, view)) for key, (name, _) in _TABS.items()}, tab))
    if tab != "versions":
        await _version(view, router, version, tab)
    await _TABS[tab][1](view, version)


def address(tab: str, view: View, **more: str) -> str:
    """Return the address of a tab, for the same version."""
    kept = {"tab": tab, "version": view.query.get("version", ""), **more}
    return "/admin/router?" + urlencode({name: value for name, value in kept.items() if value})


async def _version(view: View, router: RouterInfo, version: str, tab: str) -> None:
    """Say which version is shown, and let another be chosen."""
    listed = await gathered(view.client.routers.list(), 200)
    names = {one.id: f"{one.version or one.id} ({one.status})" for one in listed}
    if version not in names:
        names[version] = version
    with ui.element("div").classes("line"):
        choice = ui.select(names, label="Version", value=version).props(
            "outlined dense options-dense"
        )
        choice.style("min-width: 280px")
        choice.on_value_change(lambda event: go(f"/admin/router?tab={tab}&version={event.value}"))
        put(_standing(router, version))
        if router.down:
            put(
                tag(
                    "span",
                    "Left out, since they fail: ",
                    *_experts(router.down),
                    class_="warn small",
                )
            )
    for failure in router.failures:
        put(note_box(f"The version {failure.id} cannot be loaded: {failure.reason}", "bad"))


def _standing(router: RouterInfo, version: str) -> Markup:
    if version == router.id:
        return badge("decides", "good", dot=True)
    for tried, what in (
        (router.canary, "decides for a share"),
        (router.shadow, "decides beside, unused"),
    ):
        if tried is not None and tried.id == version:
            return badge(what, "info", dot=True)
    return badge("does not decide") + tag(
        "span", " What is shown is what it would do.", class_="small soft"
    )


def _experts(ids: list[str]) -> list[Markup]:
    drawn = [link(one, f"/admin/experts/{one}") for one in ids]
    return [one + Markup(" ") for one in drawn]
