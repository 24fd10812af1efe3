"""Overview: what happened, what it cost, and what needs somebody."""

from __future__ import annotations

from orchestrator.admin.parts.panels import tile, tiles
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw the page."""
    tiles(tile("Requests", "1.2k", "up 3 %"))
