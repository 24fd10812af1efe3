"""Changes that people make: asked for, confirmed, done, told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from nicegui import ui

from coe_client import CoeError
from orchestrator.admin.parts.markup import Markup, draw, tag


async def confirmed(
    title: str,
    text: str | Markup,
    action: str,
    *,
    danger: bool = False,
    type_out: str | None = None,
) -> bool:
    """Ask before something is done.

    Args:
        title: The question, such as ``Delete the expert 'x'?``.
        text: What will happen.
        action: Name of the button that does it.
        danger: Whether it cannot be undone easily.
        type_out: What must be typed first, for what cannot be undone at all.

    Returns:
        Whether it shall be done.
    """
    with ui.dialog() as dialog, ui.card().classes("dialog").props('role="alertdialog"'):
        draw(tag("h2", title))
        draw(tag("p", text, class_="soft"))
        typed = (
            ui.input(f"Type {type_out} to go on").props("outlined dense autofocus")
            if type_out
            else None
        )
        with ui.element("div").classes("line").style("justify-content: flex-end"):
            ui.button("Cancel", color=None, on_click=lambda: dialog.submit(False)).classes(
                "plain"
            ).props("flat")
            go = ui.button(action, color=None, on_click=lambda: dialog.submit(True)).props("flat")
            go.classes("danger-fill" if danger else "primary")
        if typed is not None:
            go.disable()
            typed.on_value_change(lambda event: go.set_enabled(event.value == type_out))
    answer = await dialog
    dialog.delete()
    return answer is True


@asynccontextmanager
async def telling(done: str | None = None) -> AsyncIterator[None]:
    """Tell what came of a change: a short message, or what went wrong.

    What goes wrong ends the block and nothing more: the page stays as it is, with what was typed.

    Args:
        done: What is said when it worked; ``None``: nothing.
    """
    try:
        yield
    except CoeError as error:
        ui.notify(
            str(error), type="negative", multi_line=True, timeout=10_000, close_button="Close"
        )
    else:
        if done:
            ui.notify(done, type="positive", timeout=3_000)


def button(
    name: str,
    do: Callable[[], Awaitable[Any] | None],
    *,
    kind: str = "plain",
    icon: str | None = None,
    enabled: bool = True,
    why_not: str = "",
) -> ui.button:
    """Draw a button that shows that it works while it does, and cannot be pressed twice.

    Args:
        name: What it does.
        do: Does it.
        kind: ``plain``, ``primary``, ``danger`` or ``quiet``.
        icon: Of Material Icons.
        enabled: Whether it can be pressed.
        why_not: Why it cannot, shown on it.
    """
    drawn = ui.button(name, icon=icon, color=None).classes(kind).props("flat no-caps")

    async def pressed() -> None:
        drawn.props("loading")
        try:
            outcome = do()
            # A dialog's own close() returns the dialog, and awaiting that opens it.
            if outcome is not None and not isinstance(outcome, ui.element):
                await outcome
        finally:
            if not drawn.is_deleted:
                drawn.props(remove="loading")
                # It could not keep the focus while it worked.
                ui.run_javascript(f"coeRefocus({drawn.id})")

    drawn.on_click(pressed)
    if not enabled:
        drawn.disable()
        if why_not:
            drawn.tooltip(why_not)
    return drawn


def reload() -> None:
    """Load the page anew."""
    ui.run_javascript("location.reload()")


def go(address: str) -> None:
    """Open another page.

    Args:
        address: Its path, ``/admin`` included. ``ui.navigate.to`` and ``ui.link`` would put another ``/admin``
            before it.
    """
    ui.run_javascript(f"location.assign({json.dumps(address)})")
