"""What a page or a part of one looks like before it is there, when there is nothing, and when it went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import Client, ui

from coe_client import CoeError, NotFoundError
from orchestrator.admin.parts.markup import Content, Markup, draw, tag

DEFECT = CoeError("This page has a defect. What happened is in the service's log.")

log = logging.getLogger(__name__)


async def shown(drawing: Callable[..., Awaitable[Any]], *given: Any) -> None:
    """Draw a part in place of what its container holds, or say what went wrong and offer to try again.

    Where whoever looks has left meanwhile, the drawing ends: there is nothing left to draw on.

    Args:
        drawing: Draws into the container that is open.
        given: What it is given.
    """
    container, client = ui.context.slot.parent, ui.context.client

    async def attempt() -> None:
        if client.is_deleted:
            return
        container.clear()
        with container:
            content = ui.element("div").classes("stack")
            waiting = ui.element("div").classes("stack")  # below what is drawn already
            with waiting:
                skeleton()
            try:
                await _while_seen(client, content, drawing, *given)
            except _Left:
                return
            except CoeError as error:
                container.clear()
                with container:
                    failed(error, attempt)
            except Exception:
                log.exception("a page could not be drawn")
                container.clear()
                with container:
                    failed(DEFECT, attempt)
            else:
                waiting.delete()

    await attempt()


class _Left(Exception):
    """Whoever looked has left."""


async def _while_seen(
    client: Client, content: ui.element, drawing: Callable[..., Awaitable[Any]], *given: Any
) -> None:
    """Draw a part until it is drawn, or whoever looks leaves.

    Raises:
        _Left: They have left.
    """

    async def drawn() -> None:
        with content:
            await drawing(*given)

    task = asyncio.create_task(drawn(), name="drawing a part of a page")
    client.on_delete(task.cancel)
    try:
        await task
    except BaseException:
        mine = asyncio.current_task()
        if client.is_deleted and not (mine is not None and mine.cancelling()):
            raise _Left from None
        task.cancel()
        raise


def skeleton() -> None:
    """Draw the grey bones of what is on its way."""
    bones = [tag("div", class_="bone", style=f"height:{height}px") for height in (84, 260, 180)]
    draw(tag("div", bones, class_="stack", role="status", aria_label="Loading"))


def waiting_rows() -> Markup:
    """Return the grey bones of a list's rows."""
    rows = [tag("div", class_="bone") for _ in range(8)]
    return tag("div", rows, class_="waiting-rows", role="status", aria_label="Loading")


def empty(title: str, text: Content = "", icon: str = "inbox") -> Markup:
    """Return what stands where a list or chart has nothing to show.

    Args:
        title: What there is none of.
        text: What to do about it.
        icon: Of Material Icons.
    """
    drawn = tag("span", icon, class_="material-icons", aria_hidden="true")
    return tag(
        "div", drawn, tag("strong", title), tag("span", text) if text else None, class_="empty"
    )


def failed(error: CoeError, again: Callable[[], Awaitable[None]] | None = None) -> None:
    """Say what went wrong, with the request's id for whoever looks into it."""
    request_id = getattr(error, "request_id", None)
    gone = isinstance(error, NotFoundError)
    title, icon = (
        ("There is nothing here", "search_off")
        if gone
        else ("This could not be shown", "error_outline")
    )
    message = tag("p", error.message) + (
        tag("p", f"Request {request_id}", class_="small faint mono") if request_id else Markup("")
    )
    with ui.element("section").classes("panel").props('role="alert"'):
        draw(empty(title, message, icon))
        if again is not None:
            with (
                ui.element("div")
                .classes("line")
                .style("justify-content: center; padding-bottom: 28px")
            ):
                ui.button("Try again", color=None, icon="refresh", on_click=again).classes(
                    "plain"
                ).props("flat")


def refused(role: str) -> None:
    """Say that whoever looks may not."""
    with ui.element("section").classes("panel"):
        text = f"It needs the role {role}. An administrator can give it to you."
        draw(empty("This page is not open to you", text, "lock"))
