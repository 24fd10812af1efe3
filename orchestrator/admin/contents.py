"""The pages there are: where, named how, for whom, and what draws them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.admin.pages import overview
from orchestrator.admin.pages.experts import catalogue
from orchestrator.admin.session import View


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args:
        path: Below ``/admin``, such as ``/experts/{expert_id}``.
        title: Its heading.
        draw: Draws what is in the frame; it is awaited once the browser is connected.
        role: The smallest role that may look.
        group: Heading in the navigation; empty: not in it.
        icon: Of Material Icons, in the navigation.
        parent: Path of the page above, for one that is not in the navigation itself.
    """

    path: str
    title: str
    draw: Callable[[View], Awaitable[None]]
    role: str = "viewer"
    group: str = ""
    icon: str = ""
    parent: str = ""


PAGES: tuple[Page, ...] = (
    Page("", "Overview", overview.draw, group="Watch", icon="space_dashboard"),
    Page("/experts", "Experts", catalogue.draw, group="Route", icon="hub"),
)
