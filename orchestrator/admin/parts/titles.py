"""The heading of a page that is about one thing."""

from __future__ import annotations

import json

from nicegui import ui


def set_title(title: str) -> None:
    """Replace the heading of the page that is being drawn, and the window's title."""
    ui.page_title(f"{title} · Composition of Experts")
    ui.run_javascript(f"document.getElementById('title').textContent = {json.dumps(title)}")
