"""The HTTP server around an application: listens, and stops without cutting off whom it serves."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from orchestrator.kit.errors import StartError

_CLOSE_SECONDS = 3.0
_TRIES = 500
_CONNECTIONS = 16_384
_IDLE_MILLISECONDS = 75_000
"""How long a connection may be silent, and headers may take. Balancers and clients keep idle connections for up
to a minute, and one that is closed just as it is taken up again costs a request."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where to reach what listens there)

log = logging.getLogger(__name__)


class Listening:
    """Serves an application over HTTP while the context is open.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        websockets: Whether WebSockets are taken, for the admin UI.
        path: Unix socket to listen on instead.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        websockets: bool = False,
        path: Path | None = None,
    ) -> None:
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server

        self._host = host
        self._path = path
        self._port = port or (0 if path else free_port(host))
        self._server = Server(
            app,
            address=host,
            port=self._port,
            uds=path,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            websockets=websockets,
            backlog=2048,
            # Of connections, idle ones among them; the next waits until one is closed.
            backpressure=_CONNECTIONS,
            http=HTTPModes.http1,
            # All headers together have at most 64 KiB, and hyper takes 100 of them.
            http1_settings=HTTP1Settings(
                header_read_timeout=_IDLE_MILLISECONDS, max_buffer_size=1 << 16
            ),
        )
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def url(self) -> str:
        """Where it can be reached on this machine."""
        host = _EVERYWHERE.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Listen, and return once it is listened.

        Raises:
            StartError: If nothing answers there.
        """
        if self._path is not None:  # of one that was killed
            self._path.unlink(missing_ok=True)
        where = self._path or f"{self._host}:{self._port}"
        self._task = asyncio.create_task(self._server.serve())
        for _ in range(_TRIES):
            if self._task.done():
                self._task.result()
                raise StartError(f"The HTTP server on {where} ended at once.")
            try:
                writer = await self._connected()
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            return self
        raise StartError(f"The HTTP server does not answer on {where}.")

    async def _connected(self) -> asyncio.StreamWriter:
        if self._path is not None:
            _, writer = await asyncio.open_unix_connection(self._path)
        else:
            target = _EVERYWHERE.get(self._host, self._host)
            _, writer = await asyncio.open_connection(target, self._port)
        return writer

    def close(self) -> None:
        """Refuse new connections and close idle ones; requests that are being served go on."""
        if not self._closing:
            self._closing = True
            self._server.stop()  # type: ignore[no-untyped-call]  # granian's own

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if self._task is None:
            return
        # It waits for its connections to end, and one whose client vanished may never do so.
        await asyncio.wait((self._task,), timeout=_CLOSE_SECONDS)
        if not self._task.done():
            log.warning("connections were left open")
            self._task.cancel()


def free_port(host: str) -> int:
    """Return a port that nobody has at the moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
