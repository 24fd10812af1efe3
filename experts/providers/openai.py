"""The fast path: servers that speak OpenAI's wire, reached through one pooled HTTP client.

vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenAI and many vendors. The request goes out as it
came in, the answer comes back unparsed but for what :mod:`experts.providers.answers` checks.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from experts.errors import ExpertMisconfigured, ExpertUnreachable
from experts.providers.addresses import (
    THIS_MACHINE,
    AddressPolicy,
    guarded_connector,
    was_refused,
)
from experts.providers.answers import StreamCheck, check_answer, check_embeddings
from experts.providers.endings import Endings
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.providers.upstream import KEPT_BODY_BYTES, Upstream

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_COPIED_BODY_BYTES = 2**20
_DRAIN_SECONDS = 0.5
_WRONG_ADDRESS = (
    ValueError,  # no URL, or a header that cannot be sent
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ClientSSLError,
)
_HUNG_UP = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class _Kind(NamedTuple):
    """A kind of request: where it goes, and what an answer to it is."""

    path: str
    check: Callable[[bytes, Upstream], ExpertAnswer]


_CHAT = _Kind("/chat/completions", check_answer)
_EMBEDDINGS = _Kind("/embeddings", check_embeddings)


class OpenAIProvider:
    """Calls ``POST {url}/chat/completions``, or ``/embeddings``.

    Args:
        connect_timeout: Seconds until a connection must stand.
        max_connections: Connections open at once, over all servers; 0 for no bound.
        max_answer_bytes: The largest whole answer that is accepted.
        addresses: Where connections may lead; public addresses and this machine unless given.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 10.0,
        max_connections: int = 0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        addresses: AddressPolicy | None = None,
    ) -> None:
        self._connect_timeout = connect_timeout
        self._max_connections = max_connections
        self._max_answer_bytes = max_answer_bytes
        self._addresses = addresses or AddressPolicy.parse(THIS_MACHINE)
        self._session: aiohttp.ClientSession | None = None
        self._endings = Endings()

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        return await self._complete(call, _CHAT)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        upstream = _upstream_of(call)
        check = StreamCheck(upstream)
        async with self._answering(call, upstream, "text/event-stream") as response:
            try:
                while chunk := await response.content.readany():
                    block = check.feed(chunk)
                    if block:
                        yield block
                    if check.done:
                        await _drain(response)
                        return
            except aiohttp.ClientError as error:
                raise upstream.invalid("broke off in the middle of its answer") from error
            yield check.end()

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        return await self._complete(call, _EMBEDDINGS)

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _complete(self, call: ExpertCall, kind: _Kind) -> ExpertAnswer:
        upstream = _upstream_of(call)
        async with self._answering(call, upstream, "application/json", kind) as response:
            try:
                body = await self._read(response, upstream)
            except aiohttp.ClientError as error:
                raise upstream.invalid("broke off in the middle of its answer") from error
        return kind.check(body, upstream)

    @asynccontextmanager
    async def _answering(
        self, call: ExpertCall, upstream: Upstream, content_type: str, kind: _Kind = _CHAT
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send the request and hold the response, once it has announced a success."""
        response = await self._send(call, content_type, kind)
        self._endings.watch(response)
        try:
            if response.status != HTTPStatus.OK:
                body = await _beginning_of(response)
                raise upstream.error(response.status, body, response.headers.get("Retry-After"))
            if response.content_type != content_type:
                await self._raise_wrong_type(response, upstream, kind)
            yield response
        finally:
            # Given back to the pool when it was read to its end, else the connection is closed,
            # which is how the expert learns that nobody listens any more.
            response.release()

    async def _send(self, call: ExpertCall, accept: str, kind: _Kind) -> aiohttp.ClientResponse:
        """Send the request, again if its connection turns out to have been closed long since.

        A server may close an idle connection at the moment when we take it up; llama.cpp closes it
        after every stream, unannounced. What was sent on a connection that was used before and
        broke before any answer is sent anew (RFC 9112, 9.3.1: asking twice does no harm here).
        """
        name = call.expert.id
        body = msgspec.json.encode(call.body)
        while True:
            connection = {"reused": False}
            try:
                return await self._post(call, body, accept, kind, connection)
            except _WRONG_ADDRESS as error:
                message = f"expert '{name}': no connection can be made to its URL"
                raise ExpertMisconfigured(message, expert=name) from error
            except aiohttp.ClientResponseError as error:
                raise _upstream_of(call).invalid(
                    "gave an answer whose HTTP head cannot be read"
                ) from error
            except aiohttp.ClientError as error:
                if was_refused(error):
                    message = f"expert '{name}': its URL {self._addresses.told()}"
                    raise ExpertMisconfigured(message, expert=name) from error
                if not (connection["reused"] and isinstance(error, _HUNG_UP)):
                    message = f"expert '{name}' cannot be reached"
                    raise ExpertUnreachable(message, expert=name) from error

    async def _post(
        self,
        call: ExpertCall,
        body: bytes,
        accept: str,
        kind: _Kind,
        connection: dict[str, bool],
    ) -> aiohttp.ClientResponse:
        return await self._client().post(
            _url(call.url or "", kind.path),
            # Larger bodies are sent piecemeal so that one does not hold up the loop.
            data=body if len(body) <= _COPIED_BODY_BYTES else io.BytesIO(body),
            headers=_headers(call, accept),
            allow_redirects=False,
            trace_request_ctx=connection,
        )

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_reuseconn.append(_note_reuse)
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(self._addresses, limit=self._max_connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
                trace_configs=[tracing],
            )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, upstream: Upstream) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._max_answer_bytes:
                raise upstream.invalid(f"answered with more than {self._max_answer_bytes} bytes")
        return b"".join(parts)

    async def _raise_wrong_type(
        self, response: aiohttp.ClientResponse, upstream: Upstream, kind: _Kind
    ) -> None:
        """Judge a success of the wrong content type: an error object, or no answer at all."""
        body = await _beginning_of(response)
        if response.content_type == "application/json":
            kind.check(body, upstream)
        raise upstream.invalid(f"answered with content type {response.content_type!r}", body)


async def _note_reuse(_: aiohttp.ClientSession, context: Any, __: Any) -> None:
    context.trace_request_ctx["reused"] = True


def _upstream_of(call: ExpertCall) -> Upstream:
    return Upstream(call.expert.id, call.expert.model, call.api_key)


@lru_cache(maxsize=1024)
def _url(base: str, path: str) -> URL:
    return URL(base.rstrip("/") + path)


def _headers(call: ExpertCall, accept: str) -> dict[str, str]:
    # Compression would hold tokens back in the compressor's buffer.
    headers = {
        "content-type": "application/json",
        "accept": accept,
        "accept-encoding": "identity",
        **call.headers,
    }
    if call.api_key:
        headers["authorization"] = f"Bearer {call.api_key}"
    if call.request_id:
        headers["x-request-id"] = call.request_id
    return headers


async def _beginning_of(response: aiohttp.ClientResponse) -> bytes:
    """Read as much of an answer as an error keeps; what broke off counts as far as it came."""
    body = b""
    try:
        while len(body) < KEPT_BODY_BYTES:
            part = await response.content.readany()
            if not part:
                break
            body += part
    except aiohttp.ClientError:
        return body
    return body


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the end of the response, so that the connection can serve the next call."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        response.close()
