"""Strategies, each with its graph."""

from __future__ import annotations

from nicegui import ui

from orchestrator.admin.parts.diagrams import diagram
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.markup import link, tag
from orchestrator.admin.parts.panels import panel
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw one that is chosen, beside the list of all."""
    listed = await view.client.strategies.list()
    names = [one.name for one in listed]
    asked = view.query.get("strategy", "")
    chosen = next(one for one in listed if one.name == (asked if asked in names else names[0]))
    with ui.element("div").classes("beside"):
        entries = [
            tag(
                "a",
                one.name,
                href=f"/admin/conductor?tab=strategies&strategy={one.name}",
                aria_current="page" if one is chosen else None,
                class_="side-link",
            )
            for one in listed
        ]
        put(tag("nav", entries, aria_label="Strategies", class_="side-links"))
        with panel(chosen.name, chosen.description):
            diagram(chosen.picture, f"Graph of the strategy {chosen.name}")
            put(
                tag(
                    "p",
                    "A request asks for it with the model ",
                    tag("code", f"coe-{chosen.name}"),
                    ". ",
                    link("Try it in the playground", f"/admin/playground?model=coe-{chosen.name}"),
                    class_="soft",
                )
            )
