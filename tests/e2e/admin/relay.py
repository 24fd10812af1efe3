"""A person elsewhere: connections that come from another address of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_CHUNK = 1 << 16


@asynccontextmanager
async def relayed(url: str, address: str) -> AsyncIterator[str]:
    """Give a service another address, at which it sees everybody come from ``address``.

    Args:
        url: Where the service is.
        address: One of 127.0.0.0/8.
    """
    target = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(_CHUNK):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, onward = await asyncio.open_connection(
            target.hostname, target.port, local_addr=(address, 0)
        )
        tasks.update(
            (asyncio.create_task(piped(reader, onward)), asyncio.create_task(piped(back, writer)))
        )

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # in which their sockets are closed
