"""Parts that keep themselves up to date, while somebody looks and without getting in the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import GenericEventArguments

from orchestrator.admin.parts.markup import Markup

_SEEN = """
  if (!window.coeSeen) {
    window.coeSeen = () => emitEvent("coe-seen", document.visibilityState === "visible");
    document.addEventListener("visibilitychange", window.coeSeen);
  }
"""


def keep_fresh(look: Callable[[], Awaitable[None]], every: float) -> ui.timer:
    """Look again and again while the page is seen, and at once when it is seen again.

    Args:
        look: Fetches and shows; what goes wrong in it, it tells itself.
        every: Seconds between two looks.
    """
    timer = ui.timer(every, look, immediate=False)

    async def seen(event: GenericEventArguments) -> None:
        timer.active = bool(event.args)
        if timer.active:
            await look()

    ui.on("coe-seen", seen)
    ui.run_javascript(_SEEN)
    return timer


def replace(shown: ui.html, content: Markup) -> None:
    """Replace markup, but not with itself: what somebody has marked or points at stays."""
    if not shown.is_deleted and shown.content != content:
        shown.set_content(content)
