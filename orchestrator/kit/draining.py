"""A stop that no client notices: the replica says that it goes, and finishes what it has begun.

First ``/readyz`` says no and every answer ends its connection, for as long as balancers need to hear of it;
then new connections are refused, and what is being served gets time to finish.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class Stopping:
    """Whether this replica is about to stop; known to whoever has to say so."""

    def __init__(self) -> None:
        self.begun = False


class Draining:
    """Counts the requests that are being served, so that a stop can wait for them.

    Args:
        app: Serves them.
        stopping: Is set when the stop begins.
    """

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self._app = app
        self._stopping = stopping
        self._idle = asyncio.Event()
        self._idle.set()
        self.active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":  # pages that somebody looks at are no work to be finished
            await self._app(scope, receive, send)
            return
        self.active += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, self._parting(send) if self._stopping.begun else send)
        finally:
            self.active -= 1
            if not self.active:
                self._idle.set()

    async def stop(
        self, close: Callable[[], None], delay: float, seconds: float, hurry: asyncio.Event
    ) -> None:
        """Stop in an orderly way.

        Args:
            close: Refuses new connections.
            delay: Seconds that requests are still taken.
            seconds: That those which are being served get to finish from then on.
            hurry: Ends the waiting.
        """
        self._stopping.begun = True
        await _first(hurry, seconds=delay)
        close()
        if self.active:
            log.info("stopping: %d requests get %g s", self.active, seconds)
        await _first(self._idle, hurry, seconds=seconds)
        if self.active:
            log.warning("%d requests were cut off", self.active)

    @staticmethod
    def _parting(send: Send) -> Send:
        """Let an answer end its connection, so that the client's next request goes elsewhere."""

        async def parting(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        return parting


async def _first(*events: asyncio.Event, seconds: float) -> None:
    """Return once the first of several has happened, or after so many seconds."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
