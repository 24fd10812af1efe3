"""Sends an expert's stream on as it comes, and closes its account before the last byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from experts.cache.recording import AnswerStream
from experts.counting.produced import Produced
from experts.errors import ExpertError
from experts.providers import sse
from orchestrator.chat.accounting import Account
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.errors import api_error
from orchestrator.chat.review import MAX_HELD_BYTES, Review, too_large
from orchestrator.chat.target import Target
from orchestrator.chat.telling import explanation
from orchestrator.usage.record import UsageRecord

Translate = Callable[[AsyncGenerator[bytes, None]], AsyncGenerator[bytes, None]]


class StreamResponse:
    """An ASGI response that sends blocks of server-sent events.

    When the client goes away the generator is closed, which cancels the expert's call.

    Args:
        blocks: Yields at least one block, the first without waiting.
        headers: Extra response headers.
    """

    def __init__(self, blocks: AsyncGenerator[bytes, None], headers: dict[str, str]) -> None:
        self.blocks = blocks
        self.headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            **headers,
        }
        self._all_sent = False

    def through(self, translate: Translate) -> StreamResponse:
        """Return this response with its blocks told otherwise."""
        self.blocks = translate(self.blocks)
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        """Send everything, or stop when the client is gone."""
        # Nothing is awaited in between, since the first block is here already: a generator that
        # has not begun would be closed without running the code that closes its account.
        first = await anext(self.blocks)
        try:
            await unless_gone(self._send(first, send), receive)
        except ClientGone:
            pass
        finally:
            if not self._all_sent:
                # Also when this task is cancelled once more: the account has to be closed.
                await asyncio.shield(asyncio.ensure_future(self.blocks.aclose()))

    async def _send(self, first: bytes, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for block in self.blocks:
            await send({"type": "http.response.body", "body": block, "more_body": True})
        self._all_sent = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def held(stream: AnswerStream, account: Account, review: Review) -> list[bytes]:
    """Return the blocks of a stream once all of it is there and judged.

    Raises:
        ExpertError: If the stream fails; a status can still say so.
        ApiError: 403 if a guardrail blocks it, 503 if it cannot be judged.
    """
    produced, blocks, size = Produced(), list[bytes](), 0
    try:
        async for block in stream:
            produced.add(block)
            size += len(block)
            if size > MAX_HELD_BYTES:
                raise too_large()
            body, done = _without_done(block)
            blocks.append(body)
            if done:
                break
        return await review.stream(blocks)
    finally:
        account.heard(produced.text)


async def again(blocks: list[bytes]) -> AsyncIterator[bytes]:
    """Yield what has been held back, in one block."""
    yield b"".join(blocks)


async def metered(
    stream: AnswerStream,
    account: Account,
    target: Target,
    *,
    explain: bool,
    request_id: str,
    judged: list[bytes] | None = None,
) -> AsyncGenerator[bytes, None]:
    """Pass blocks on, keep what they say, and close the account before ``[DONE]`` is sent.

    An error after the first block ends the stream with an error event, never with ``[DONE]``.

    Args:
        stream: A stream that has begun; closed at the end.
        account: To be closed.
        target: Where the request went.
        explain: Whether a chunk with the explanation is added.
        request_id: Named in an error event.
        judged: All blocks of it, where they have been :func:`held`.
    """
    produced, last = Produced(), b""
    try:
        async for block in stream if judged is None else again(judged):
            produced.add(block)
            body, done = _without_done(block)
            if body:
                last = body
                yield body
            if done:
                break
        record = await account.close("ok", written=produced.text)
        if explain:
            yield _explanation_event(record, target, stream, last, account.cache)
        yield sse.DONE
    except ExpertError as error:
        await account.close("failed", written=produced.text, error_code=error.code)
        yield sse.write_event(msgspec.json.encode(api_error(error).body(request_id)))
    except (asyncio.CancelledError, GeneratorExit):
        await account.close("cancelled", written=produced.text)
        raise
    finally:
        await stream.aclose()


def _without_done(block: bytes) -> tuple[bytes, bool]:
    """Return a block without the event that ends the stream, and whether it held it."""
    if b"[DONE]" not in block:
        return block, False
    if block.endswith(sse.DONE):
        return block.removesuffix(sse.DONE), True
    events = list(sse.split_events(block))
    kept = [event for event in events if not sse.is_done(event)]
    return b"".join(kept), len(kept) < len(events)


def _explanation_event(
    record: UsageRecord,
    target: Target,
    stream: AnswerStream,
    last: bytes,
    cache: dict[str, Any] | None,
) -> bytes:
    """Return a chunk without choices that carries the explanation, in the stream's own name."""
    chunk = {"id": record.request_id, "created": int(record.started_at.timestamp())}
    for event in sse.split_events(last):
        try:
            fields = msgspec.json.decode(sse.data_of(event) or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(fields, dict):
            chunk |= {name: fields[name] for name in ("id", "created") if name in fields}
    chunk |= {
        "object": "chat.completion.chunk",
        "model": stream.expert.model or stream.expert.id,
        "choices": [],
        "coe": explanation(record, target, stream.attempts, cache),
    }
    return sse.write_event(msgspec.json.encode(chunk))
