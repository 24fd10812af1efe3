"""Tells whoever reads a body that its connection is gone."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

import aiohttp


class Endings:
    """Ends bodies with their connections.

    Where a body in chunks has a broken one, aiohttp closes the connection and leaves the body's reader
    waiting until its deadline.
    """

    def __init__(self) -> None:
        self._reading: WeakKeyDictionary[asyncio.Future[None], aiohttp.StreamReader] = (
            WeakKeyDictionary()
        )

    def watch(self, response: aiohttp.ClientResponse) -> None:
        """End the body of this response, at the latest, when its connection closes."""
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        closed = None if protocol is None else protocol.closed
        if closed is None:
            return
        if closed not in self._reading:  # a connection has many responses, one after the other
            closed.add_done_callback(self._end)
        self._reading[closed] = response.content

    def _end(self, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # looked at, so that nobody is told it never was
        body = self._reading.pop(closed, None)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection is gone"))
