"""Runs, strategies, assignments and lessons, as tabs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orchestrator.admin.pages.conductor import assignments, lessons, runs, strategies
from orchestrator.admin.parts import states
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.tabs import tabs
from orchestrator.admin.session import View

_TABS: dict[str, tuple[str, str, Callable[[View], Awaitable[None]]]] = {
    "runs": ("Runs", "user", runs.draw),
    "strategies": ("Strategies", "viewer", strategies.draw),
    "assignments": ("Assignments", "viewer", assignments.draw),
    "lessons": ("Lessons", "editor", lessons.draw),
}


async def draw(view: View) -> None:
    """Draw the page; the tab is in its address."""
    chosen = view.query.get("tab", "runs")
    chosen = chosen if chosen in _TABS else "runs"
    addresses = {
        key: (name, f"/admin/conductor?tab={key}")
        for key, (name, role, _) in _TABS.items()
        if view.may(role)
    }
    put(tabs(addresses, chosen))
    _, role, drawing = _TABS[chosen]
    if not view.may(role):
        states.refused(role)
        return
    await drawing(view)
