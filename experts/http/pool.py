"""Connections to servers, kept for the next request."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from experts.http.address import Origin, address_of, head_of
from experts.http.connection import Connection
from experts.http.errors import HungUp, Unreachable, WrongAddress
from experts.http.response import Response
from experts.providers.addresses import AddressRefused, Judge, literal_of

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

_IDLE_SECONDS = 15.0
"""What is idle for longer is closed: many servers close it then, and the next request would find that out."""
_NAMES_SECONDS = 10.0
"""Names are looked up again after so long."""
_SECOND_ADDRESS_SECONDS = 0.25
"""The next address of a name is tried beside the one before after so long (RFC 8305)."""


class Pool:
    """Sends requests over connections that are kept.

    Args:
        judge: Says where connections may lead; asked for the very addresses that are used.
        connect_timeout: Seconds until a connection must stand.
    """

    def __init__(self, judge: Judge, connect_timeout: float) -> None:
        self._judge = judge
        self._connect_timeout = connect_timeout
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._origins: dict[Connection, Origin] = {}
        self._looked_up: dict[Origin, tuple[float, list[AddrInfoType]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send a request and return its answer once that has begun; it has to be released.

        A server may close an idle connection at the moment when it is taken up; llama.cpp closes it after
        every stream, unannounced. What was sent on a connection that was used before and ended before any
        answer is sent anew (RFC 9112, 9.3.1); the caller says by using this that asking twice does no harm.

        Args:
            url: Where to.
            headers: Besides those of the connection.
            body: What is sent.

        Raises:
            WrongAddress: If nothing can be sent there.
            AddressRefused: If that would lead where it must not.
            Unreachable: If there is no connection.
            HungUp: If it ended before an answer.
            UnreadableHead: If what came is no answer.
        """
        address = address_of(url)
        head = head_of(address, headers, len(body))
        while True:
            connection = self._taken(address.origin)
            reused = connection is not None
            if connection is None:
                connection = await self._opened(address.origin)
            try:
                return await connection.ask(head, body)
            except HungUp as error:
                if error.answered or not reused:
                    raise

    async def aclose(self) -> None:
        """End every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._origins):
            connection.abort()
        self._idle.clear()

    def _taken(self, origin: Origin) -> Connection | None:
        """Return the connection that was used last, as it is the likeliest to stand still."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    async def _opened(self, origin: Origin) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await self._connected(origin)
        except AddressRefused:
            raise
        except (ssl.SSLError, ssl.CertificateError, UnicodeError) as error:
            raise WrongAddress(f"no connection can be made to {origin.host}: {error}") from error
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"{origin.host} cannot be reached: {error}") from error

    async def _connected(self, origin: Origin) -> Connection:
        import aiohappyeyeballs

        loop = asyncio.get_running_loop()
        found = await aiohappyeyeballs.start_connection(
            await self._addresses(origin), happy_eyeballs_delay=_SECOND_ADDRESS_SECONDS, loop=loop
        )
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self._keep, self._forget)
        secure: dict[str, Any] = {}
        if origin.encrypted:
            secure = {"ssl": self._tls, "server_hostname": origin.host}
        self._origins[connection] = origin
        try:
            await loop.create_connection(lambda: connection, sock=found, **secure)
        except BaseException:
            self._forget(connection)
            found.close()
            raise
        return connection

    async def _addresses(self, origin: Origin) -> list[AddrInfoType]:
        """Look a server up, and see that all of its addresses are allowed."""
        loop = asyncio.get_running_loop()
        at, found = self._looked_up.get(origin, (0.0, []))
        if not found or loop.time() - at > _NAMES_SECONDS:
            literal = literal_of(origin.host) is not None
            if literal:
                self._judge.check("", [origin.host])
            found = [
                *await loop.getaddrinfo(
                    origin.host,
                    origin.port,
                    type=socket.SOCK_STREAM,
                    flags=0 if literal else socket.AI_ADDRCONFIG,
                )
            ]
            if not literal:
                self._judge.check(origin.host, [str(one[4][0]) for one in found])
            self._looked_up[origin] = loop.time(), found
        return found

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _keep(self, connection: Connection) -> None:
        origin = self._origins.get(connection)
        if origin is None:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle[origin].append(connection)
        if self._timer is None:
            self._timer = loop.call_later(_IDLE_SECONDS / 2, self._sweep)

    def _forget(self, connection: Connection) -> None:
        origin = self._origins.pop(connection, None)
        idle = self._idle.get(origin) if origin is not None else None
        if idle and connection in idle:
            idle.remove(connection)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        long_ago = loop.time() - _IDLE_SECONDS
        for origin, idle in list(self._idle.items()):
            for connection in [one for one in idle if one.idle_since < long_ago]:
                idle.remove(connection)
                connection.abort()
            if not idle:
                del self._idle[origin]
        self._timer = loop.call_later(_IDLE_SECONDS / 2, self._sweep) if self._idle else None
