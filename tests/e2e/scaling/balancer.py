"""A plain TCP balancer: connections in turn to the replicas that say they are ready, and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

_LOOK_SECONDS = 0.05
_PIECE = 1 << 16


class Balancer:
    """Spreads connections over replicas, as the service of a cluster does.

    Args:
        urls: Where the replicas listen; asked at ``/readyz`` again and again.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = list(urls)
        self._ready: set[str] = set()
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._looks: asyncio.Task[None] | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._looks = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        assert self._looks is not None
        self._server.close()
        for task in (self._looks, *self._pipes):
            task.cancel()
        await asyncio.gather(self._looks, *self._pipes, return_exceptions=True)

    async def ready(self, url: str, *, is_ready: bool = True) -> None:
        """Return once a replica is known to be ready, or not to be."""
        async with asyncio.timeout(60):
            while (url in self._ready) is not is_ready:  # noqa: ASYNC110 (looked at now and then)
                await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> None:
        async with httpx.AsyncClient(timeout=2) as client:
            while True:
                await asyncio.gather(*(self._ask(client, url) for url in self._urls))
                await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> None:
        try:
            well = (await client.get(f"{url}/readyz")).status_code == 200
        except httpx.HTTPError:
            well = False
        (self._ready.add if well else self._ready.discard)(url)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._pipes.discard(task)
            await _closed(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._urls:
            candidates = [url for url in self._urls if url in self._ready] or self._urls
            self._turn += 1
            place = urlsplit(candidates[self._turn % len(candidates)])
            try:
                behind, ahead = await asyncio.open_connection(place.hostname, place.port)
            except OSError:
                continue
            pipes = [asyncio.create_task(_pipe(reader, ahead))]
            pipes.append(asyncio.create_task(_pipe(behind, writer)))
            try:
                # Whoever closes first closes both, as a balancer that knows nothing of HTTP does.
                await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pipe in pipes:
                    pipe.cancel()
                await _closed(ahead)
            return


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except OSError:
        return
