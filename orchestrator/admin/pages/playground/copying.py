"""A request as code, to copy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from orchestrator.admin.pages.playground import code
from orchestrator.admin.pages.playground.setup import Setup
from orchestrator.admin.parts.asking import button
from orchestrator.admin.parts.markup import draw, tag

_WAYS = (("curl", code.curl), ("Python, openai", code.openai), ("Python, coe-client", code.sdk))


def show_code(address: str, model: str, messages: Sequence[dict[str, Any]], setup: Setup) -> None:
    """Open a dialog with a request as code.

    Args:
        address: Where the service is seen.
        model: Asked.
        messages: The conversation, without the instructions.
        setup: What goes with it.
    """
    with ui.dialog() as dialog, ui.card().classes("dialog wide"):
        draw(tag("h2", f"Ask {model} from elsewhere"))
        draw(tag("p", ["The key is taken from ", tag("code", "COE_API_KEY"), "."], class_="soft"))
        with ui.tabs() as tabs:
            for name, _ in _WAYS:
                ui.tab(name)
        with ui.tab_panels(tabs, value=_WAYS[0][0]):
            for name, write in _WAYS:
                _panel(name, write(address, model, messages, setup))
        with ui.element("div").classes("line").style("justify-content: flex-end"):
            button("Close", dialog.close)
    dialog.on("hide", dialog.delete)
    dialog.open()


def _panel(name: str, text: str) -> None:
    with ui.tab_panel(name):
        draw(tag("pre", text, class_="block", tabindex="0", aria_label=name))
        with ui.element("div").classes("line"):
            copied = button("Copy", _copied, icon="content_copy")
        copied.on("click", js_handler=f"() => coeCopy({json.dumps(text)})")


def _copied() -> None:
    ui.notify("Copied", type="positive", timeout=2_000)
