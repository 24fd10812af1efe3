"""Stops working for a client that has gone away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")
Dispose = Callable[[T], Awaitable[None]]


class ClientGone(Exception):
    """The client closed the connection before it had its answer."""


async def gone(receive: Receive) -> None:
    """Return when the client closes the connection. The body has to be read already."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(
    work: Coroutine[Any, Any, T], receive: Receive, dispose: Dispose[T] | None = None
) -> T:
    """Await ``work``, cancelling it when the client goes away.

    Args:
        work: What is done for the client.
        receive: Tells when it is gone.
        dispose: Releases a result that nobody gets: of work that ended as it was given up.

    Raises:
        ClientGone: If the client has gone.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(gone(receive))
    taken = False
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        taken = True
        return task.result()
    finally:
        watch.cancel()
        if not taken:
            # To its end also if this is cancelled once more.
            await asyncio.shield(asyncio.ensure_future(_given_up(task, dispose)))


async def _given_up(task: asyncio.Future[T], dispose: Dispose[T] | None) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
    if not task.cancelled() and task.exception() is None and dispose is not None:
        await dispose(task.result())
