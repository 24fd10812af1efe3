"""Clients that stay connected: idle ones, and ones in the middle of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_AT_ONCE = 100
_SECONDS = 120.0


class Connected(asyncio.Protocol):
    """Sends one request and stays.

    Args:
        request: Is sent.
        awaited: What of the answer has come tells that it is as far as wanted.
    """

    def __init__(self, request: bytes, awaited: bytes) -> None:
        self._request = request
        self._awaited = awaited
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self.there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self._transport = transport  # type: ignore[assignment]
        assert self._transport is not None  # noqa: S101
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is as far as wanted."""
        if self.there.done():
            return
        self._data += data
        if self._awaited in self._data:
            ok = self._data.startswith(b"HTTP/1.1 200")
            self._tell(None if ok else RuntimeError(self._data.decode(errors="replace")))
            self._data.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note it; before the answer it is an error."""
        self.lost = True
        told = self._data.decode(errors="replace")
        self._tell(exc or ConnectionError(f"the connection was closed after: {told}"))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _tell(self, error: Exception | None) -> None:
        if self.there.done():
            return
        if error is None:
            self.there.set_result(None)
        else:
            self.there.set_exception(error)


@asynccontextmanager
async def connected(
    url: str, count: int, request: bytes, awaited: bytes, source: str
) -> AsyncIterator[list[Connected]]:
    """Yield so many clients that have asked and stay; they are gone afterwards.

    Args:
        url: Of the service.
        count: How many.
        request: The whole of what each sends.
        awaited: What has to have come of each answer.
        source: The address they come from; each wave has another, since a closed port rests for a minute.

    Raises:
        TimeoutError: If an answer takes longer than two minutes.
        RuntimeError: If one is not good; has it.
    """
    place, loop = urlsplit(url), asyncio.get_running_loop()
    clients: list[Connected] = []

    async def connect() -> None:
        _, client = await loop.create_connection(
            lambda: Connected(request, awaited),
            place.hostname,
            place.port,
            local_addr=(source, 0),
        )
        clients.append(client)
        await client.there

    try:
        async with asyncio.timeout(_SECONDS):
            for left in range(count, 0, -_AT_ONCE):
                await asyncio.gather(*(connect() for _ in range(min(left, _AT_ONCE))))
        yield clients
    finally:
        for client in clients:
            client.close()
        await asyncio.sleep(1)
