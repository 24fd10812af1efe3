"""Choices among more than can be listed: the API searches for what is typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui
from nicegui.events import GenericEventArguments

from coe_client import CoeError
from orchestrator.admin.session import View

OFFERED = 50
"""So many are offered at once; whoever wants another types a part of its name."""
Search = Callable[[str], Awaitable[Mapping[str, str]]]
"""From what is typed, nothing perhaps, to the first values that match and how people read them."""
_PAUSE = 0.25


def searched(choice: ui.select, search: Search) -> None:
    """Have a choice offer what matches what is typed into it.

    What is chosen stays among what it offers, and where the API cannot be asked, what was offered stays.

    Args:
        choice: Made ``with_input``.
        search: Finds what matches.
    """
    turns = [0]

    async def typed(event: GenericEventArguments) -> None:
        turns[0] += 1
        turn = turns[0]
        try:
            found = dict(await search(str(event.args or "")))
        except CoeError:
            return
        if turn != turns[0] or choice.is_deleted:  # somebody has typed on meanwhile
            return
        if choice.value is not None and choice.value not in found:
            found[choice.value] = dict(choice.options).get(choice.value, choice.value)
        choice.set_options(found, value=choice.value)

    choice.on("input-value", typed, throttle=_PAUSE, leading_events=False)


def tenants_of(view: View) -> Search:
    """Return what finds tenants by id and name."""

    async def search(text: str) -> dict[str, str]:
        page = await view.client.tenants.list(q=text or None, page_size=OFFERED).page()
        return {one.id: _told(one.id, one.name) for one in page.data}

    return search


def experts_of(view: View) -> Search:
    """Return what finds experts by id and name."""

    async def search(text: str) -> dict[str, str]:
        page = await view.client.overview.experts_page(q=text or None, limit=OFFERED, sort="name")
        return {one.id: _told(one.id, one.name) for one in page.data}

    return search


def _told(id_: str, name: str | None) -> str:
    """Return both where they differ: what is typed may be a part of either."""
    return f"{name} ({id_})" if name and name != id_ else id_
