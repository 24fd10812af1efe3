"""Stops working for a client that has gone away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")
Dispose = Callable[[T], Awaitable[None]]

_LOOK_SECONDS = 0.02
"""What takes no longer is done before it is worth looking whether the client is still there."""
_AGAIN_SECONDS = 1.0
"""Work that goes on though it was cancelled is cancelled again after so long."""


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

    It is done in the caller's task, and looking for the client costs a task only where the work takes long.

    Args:
        work: What is done for the client.
        receive: Tells when it is gone.
        dispose: Releases a result that nobody gets: of work that ended as it was given up.

    Raises:
        ClientGone: If the client has gone.
    """
    look = _Look(receive)
    try:
        result = await work
    except asyncio.CancelledError:
        if look.over():
            raise ClientGone from None
        raise
    except BaseException:
        look.over()
        raise
    only_gone = look.over()
    if not look.gone:
        return result
    if dispose is not None:  # to its end also if this is cancelled once more
        await asyncio.shield(asyncio.ensure_future(dispose(result)))
    if not only_gone:
        raise asyncio.CancelledError
    raise ClientGone


class _Look:
    """Looks whether a client is still there; once it is not, cancels the task that works for it."""

    __slots__ = ("_before", "_cancels", "_receive", "_runner", "_task", "_timer", "gone")

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._runner = runner = asyncio.current_task()
        self._before = runner.cancelling() if runner else 0
        self._cancels = 0
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._begin)

    def over(self) -> bool:
        """Look no longer; tell whether the client has gone and nobody else has cancelled the task."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        left = self._before
        if self._runner is not None:
            left = self._runner.cancelling()
            for _ in range(self._cancels):
                left = self._runner.uncancel()
        self._cancels = 0
        return self.gone and left <= self._before

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._cancel_when_gone())

    async def _cancel_when_gone(self) -> None:
        await gone(self._receive)
        self.gone = True
        while self._runner is not None:
            self._cancels += 1
            self._runner.cancel()
            await asyncio.sleep(_AGAIN_SECONDS)
