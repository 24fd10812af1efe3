"""Passes requests and WebSockets on to another process of this service, over its unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.kit.forwarded import VOUCHER

if TYPE_CHECKING:
    import aiohttp

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
    }
)
"""What is made anew for each hop (RFC 9110, 7.6.1); whom it is for is said by this process."""
_HANDSHAKE = "sec-websocket-"
_AWAY = "What serves this is starting again. Try once more in a moment."
_CLOSED = 1001
_TRY_AGAIN = 1013


class Forwarded:
    """An application of which one part is served by another process.

    Args:
        app: Serves everything else.
        ours: Tells by its path what the other process serves.
        socket: Where that listens.
        voucher: Proves to it for whom something is asked.
    """

    def __init__(
        self, app: ASGIApp, ours: Callable[[str], bool], socket: Path, voucher: str
    ) -> None:
        self._app = app
        self._ours = ours
        self._socket = str(socket)
        self._voucher = voucher
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "lifespan" or not self._ours(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        import aiohttp

        try:
            answer = await self._opened().request(
                scope["method"],
                _url(scope),
                headers=self._headers(scope),
                data=_body(receive) if _has_body(scope) else None,
                allow_redirects=False,
                skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
            )
        except (aiohttp.ClientError, OSError):
            away = PlainTextResponse(_AWAY, 503, {"retry-after": "1"})
            await away(scope, receive, send)
            return
        async with answer:
            headers = [
                (name.lower(), value)
                for name, value in answer.raw_headers
                if name.lower().decode("latin-1") not in _HOP_BY_HOP
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            async for piece in answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        import aiohttp

        await receive()  # websocket.connect
        try:
            upstream = await self._opened().ws_connect(
                _url(scope),
                headers=[one for one in self._headers(scope) if not one[0].startswith(_HANDSHAKE)],
                protocols=scope.get("subprotocols") or (),
                max_msg_size=0,
            )
        except (aiohttp.ClientError, OSError):
            await send({"type": "websocket.close", "code": _TRY_AGAIN})
            return
        async with upstream:
            await send({"type": "websocket.accept", "subprotocol": upstream.protocol})
            sent = asyncio.create_task(_to_upstream(upstream, receive))
            try:
                gone = await _to_client(upstream, send, sent)
            finally:
                sent.cancel()
                await asyncio.wait((sent,))
            if not gone:
                with suppress(OSError, RuntimeError):  # the client may have left meanwhile
                    await send({"type": "websocket.close", "code": upstream.close_code or _CLOSED})

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(self._socket, limit=0, keepalive_timeout=5.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
                auto_decompress=False,
            )
        return self._session

    def _headers(self, scope: Scope) -> list[tuple[str, str]]:
        told = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        host = [(name, value) for name, value in told if name == "host"]
        client = scope.get("client")
        whom = [("x-forwarded-for", client[0])] if client else []
        kept = [one for one in told if one[0] not in _HOP_BY_HOP]
        return [*kept, *host, *whom, (VOUCHER, self._voucher)]


async def _to_upstream(upstream: aiohttp.ClientWebSocketResponse, receive: Receive) -> None:
    """Pass on what the client sends, until it leaves."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            await upstream.close()
            return
        text = message.get("text")
        if text is not None:
            await upstream.send_str(text)
        else:
            await upstream.send_bytes(message["bytes"])


async def _to_client(
    upstream: aiohttp.ClientWebSocketResponse, send: Send, client: asyncio.Task[None]
) -> bool:
    """Pass on what the other process sends, until it ends; tell whether the client has left before."""
    import aiohttp

    async for message in upstream:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
    return client.done()


def _url(scope: Scope) -> Any:
    from yarl import URL

    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return URL(f"http://sibling{path}{'?' if query else ''}{query}", encoded=True)


def _has_body(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return b"content-length" in names or b"transfer-encoding" in names


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client has left")
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return
