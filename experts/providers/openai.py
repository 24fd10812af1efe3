"""The fast path: servers that speak OpenAI's wire, reached through one pooled HTTP client.

vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenAI and many vendors. The request goes out as it
came in, the answer comes back unparsed but for what :mod:`experts.providers.answers` checks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from experts.errors import ExpertMisconfigured, ExpertUnreachable
from experts.http.errors import BrokeOff, HungUp, Unreachable, UnreadableHead, WrongAddress
from experts.http.pool import Pool
from experts.http.response import Response
from experts.providers.addresses import THIS_MACHINE, AddressPolicy, AddressRefused
from experts.providers.answers import StreamCheck, check_answer, check_embeddings
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.providers.upstream import KEPT_BODY_BYTES, Upstream

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_DRAIN_SECONDS = 0.5
_JSON = "application/json"
_EVENTS = "text/event-stream"
# Compression would hold tokens back in the compressor's buffer.
_HEADERS = {
    "content-type": _JSON,
    "accept-encoding": "identity",
    "user-agent": "composition-of-experts",
}


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
        max_answer_bytes: The largest whole answer that is accepted.
        addresses: Where connections may lead; public addresses and this machine unless given.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 10.0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        addresses: AddressPolicy | None = None,
    ) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._addresses = addresses or AddressPolicy.parse(THIS_MACHINE)
        self._pool = Pool(self._addresses, connect_timeout)

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        return await self._complete(call, _CHAT)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        upstream = _upstream_of(call)
        check = StreamCheck(upstream)
        response = await self._answering(call, upstream, _EVENTS, _CHAT)
        try:
            async with aclosing(response.pieces()) as pieces:
                async for piece in pieces:
                    block = check.feed(piece)
                    if block:
                        yield block
                    if check.done:
                        break
            if check.done:
                await _drain(response)
                return
        except BrokeOff as error:
            raise upstream.invalid("broke off in the middle of its answer") from error
        finally:
            response.release()
        yield check.end()

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        return await self._complete(call, _EMBEDDINGS)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _complete(self, call: ExpertCall, kind: _Kind) -> ExpertAnswer:
        upstream = _upstream_of(call)
        response = await self._answering(call, upstream, _JSON, kind)
        try:
            body = await self._read(response, upstream)
        except BrokeOff as error:
            raise upstream.invalid("broke off in the middle of its answer") from error
        finally:
            response.release()
        return kind.check(body, upstream)

    async def _answering(
        self, call: ExpertCall, upstream: Upstream, content_type: str, kind: _Kind
    ) -> Response:
        """Send the request and return the response, once it has announced a success."""
        response = await self._sent(call, upstream, content_type, kind)
        if response.status == HTTPStatus.OK and response.content_type == content_type:
            return response
        try:
            body = await _beginning_of(response)
        finally:
            response.release()
        if response.status != HTTPStatus.OK:
            raise upstream.error(response.status, body, response.headers.get("retry-after"))
        if response.content_type == _JSON:  # an error object, or no answer at all
            kind.check(body, upstream)
        raise upstream.invalid(f"answered with content type {response.content_type!r}", body)

    async def _sent(
        self, call: ExpertCall, upstream: Upstream, accept: str, kind: _Kind
    ) -> Response:
        name, url = call.expert.id, (call.url or "").rstrip("/") + kind.path
        try:
            return await self._pool.post(
                url, _headers(call, accept), msgspec.json.encode(call.body)
            )
        except WrongAddress as error:
            message = f"expert '{name}': no connection can be made to its URL"
            raise ExpertMisconfigured(message, expert=name) from error
        except AddressRefused as error:
            message = f"expert '{name}': its URL {self._addresses.told()}"
            raise ExpertMisconfigured(message, expert=name) from error
        except (Unreachable, HungUp) as error:
            raise ExpertUnreachable(f"expert '{name}' cannot be reached", expert=name) from error
        except UnreadableHead as error:
            raise upstream.invalid("gave an answer whose HTTP head cannot be read") from error

    async def _read(self, response: Response, upstream: Upstream) -> bytes:
        parts, size = [], 0
        async with aclosing(response.pieces()) as pieces:
            async for part in pieces:
                parts.append(part)
                size += len(part)
                if size > self._max_answer_bytes:
                    most = self._max_answer_bytes
                    raise upstream.invalid(f"answered with more than {most} bytes")
        return b"".join(parts)


def _upstream_of(call: ExpertCall) -> Upstream:
    return Upstream(call.expert.id, call.expert.model, call.api_key)


def _headers(call: ExpertCall, accept: str) -> dict[str, str]:
    headers = {**_HEADERS, "accept": accept, **call.headers}
    if call.api_key:
        headers["authorization"] = f"Bearer {call.api_key}"
    if call.request_id:
        headers["x-request-id"] = call.request_id
    return headers


async def _beginning_of(response: Response) -> bytes:
    """Read as much of an answer as an error keeps; what broke off counts as far as it came."""
    body = b""
    try:
        async with aclosing(response.pieces()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) >= KEPT_BODY_BYTES:
                    break
    except BrokeOff:
        return body
    return body


async def _drain(response: Response) -> None:
    """Read the end of the response, so that the connection can serve the next call."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await response.piece():
                pass
    except (TimeoutError, BrokeOff):
        return
