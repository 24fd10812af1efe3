"""What the scripted upstream can do wrong, by name: each a function of one exchange."""

from __future__ import annotations

import asyncio
import itertools
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from tests.faults.upstream import WORDS, Behaviour, Exchange, Piece
from tests.faults.wire import DONE, EVENT_STREAM, JSON, chunk, event

BEHAVIOURS: dict[str, Behaviour] = {}
BIG = 10 * 1024 * 1024
BOMB = 256 * 1024 * 1024
STALE = "stale"
_SLOW_SECONDS = 0.05
_HUGE_HEAD = 1 << 20


def _named(name: str) -> Callable[[Behaviour], Behaviour]:
    def keep(behaviour: Behaviour) -> Behaviour:
        BEHAVIOURS[name] = behaviour
        return behaviour

    return keep


# The connection


@_named("close-unanswered")
async def _(x: Exchange) -> None:
    x.close()


@_named("reset-unanswered")
async def _(x: Exchange) -> None:
    x.reset()


@_named("reset-after-head")
async def _(x: Exchange) -> None:
    await x.begin(100)
    x.reset()


@_named("reset-midway")
async def _(x: Exchange) -> None:
    await _half(x)
    x.reset()


@_named("close-midway")
async def _(x: Exchange) -> None:
    await _half(x)
    x.close()


@_named("half-event")
async def _(x: Exchange) -> None:
    await _half(x)
    if x.streamed:
        await x.send(Piece(chunk(x.taken.model, {"content": "cut"})[:40]))
    x.close()


@_named(STALE)
async def _(x: Exchange) -> None:
    # As a server does that closes an idle connection just when it is taken up again.
    if x.turn:
        x.close()
    await x.answer()


# The protocol


@_named("not-http")
async def _(x: Exchange) -> None:
    await x.raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    x.close()


@_named("huge-headers")
async def _(x: Exchange) -> None:
    await x.head(200, JSON, x_padding="a" * _HUGE_HEAD, content_length="2")
    await x.raw(b"{}")


@_named("bad-chunks")
async def _(x: Exchange) -> None:
    await x.head(200, EVENT_STREAM if x.streamed else JSON, transfer_encoding="chunked")
    await x.raw(b"zz\r\n" + b"".join(piece.data for piece in x.pieces()) + b"\r\n")
    x.close()


@_named("continue-100")
async def _(x: Exchange) -> None:
    await x.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
    await x.answer()


@_named("redirect")
async def _(x: Exchange) -> None:
    await x.whole(307, b"", JSON, location="/v1/elsewhere/chat/completions")


@_named("gzip-bomb")
async def _(x: Exchange) -> None:
    body = _bomb()
    kind = EVENT_STREAM if x.streamed else JSON
    await x.whole(200, body, kind, content_encoding="gzip")


@_named("html")
async def _(x: Exchange) -> None:
    await x.whole(200, b"<html>Welcome</html>", "text/html")


@_named("empty-body")
async def _(x: Exchange) -> None:
    await x.whole(200, b"", EVENT_STREAM if x.streamed else JSON)


@_named("other-kind")
async def _(x: Exchange) -> None:
    """The other of the two kinds of answer, whichever was asked for."""
    await replace(x, streamed=not x.streamed).answer()


# Statuses


@_named("429-seconds")
async def _(x: Exchange) -> None:
    await (x.error(429, "slow down", retry_after="1") if x.attempt == 0 else x.answer())


@_named("429-date")
async def _(x: Exchange) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    await x.error(429, "slow down", retry_after=later)


@_named("429-bare")
async def _(x: Exchange) -> None:
    await x.error(429, "slow down")


@_named("500-once")
async def _(x: Exchange) -> None:
    await (x.error(500, "oh") if x.attempt == 0 else x.answer())


@_named("500-storm")
async def _(x: Exchange) -> None:
    await x.error(500, "oh")


@_named("503")
async def _(x: Exchange) -> None:
    await x.error(503, "warming up")


@_named("401")
async def _(x: Exchange) -> None:
    await x.error(401, "no such key", "invalid_api_key")


@_named("402")
async def _(x: Exchange) -> None:
    await x.error(402, "no credit")


@_named("404-model")
async def _(x: Exchange) -> None:
    await x.error(404, "The model does not exist", "model_not_found")


@_named("400-refused")
async def _(x: Exchange) -> None:
    await x.error(400, "'temperature' is too high", "invalid_value")


@_named("400-context")
async def _(x: Exchange) -> None:
    message = "This model's maximum context length is 8 tokens, however you requested 9 tokens."
    await x.error(400, message, "context_length_exceeded")


# Time


@_named("hang-head")
async def _(x: Exchange) -> None:
    await x.until_gone()


@_named("hang-first")
async def _(x: Exchange) -> None:
    await x.begin(100)
    await x.until_gone()


@_named("hang-midway")
async def _(x: Exchange) -> None:
    await _half(x)
    await x.until_gone()


@_named("trickle")
async def _(x: Exchange) -> None:
    words = ("drop ",) * 1_000_000
    await x.begin(10 * len(words))
    for word in words:
        drop = Piece(chunk(x.taken.model, {"content": word}), 1) if x.streamed else Piece(b" ")
        await x.send(drop)
        await asyncio.sleep(_SLOW_SECONDS)


@_named("pings-only")
async def _(x: Exchange) -> None:
    await x.begin(1_000_000)
    while True:
        await x.send(Piece(b": ping\n\n" if x.streamed else b" "))
        await asyncio.sleep(_SLOW_SECONDS)


# The content


@_named("no-choices")
async def _(x: Exchange) -> None:
    await _says(x, {"id": "x", "object": "chat.completion", "choices": []})


@_named("not-json")
async def _(x: Exchange) -> None:
    garbage = b'{"id": nonsense'
    await x.answer(
        [Piece(b"data: " + garbage + b"\n\n"), Piece(DONE)] if x.streamed else [Piece(garbage)]
    )


@_named("bad-utf8")
async def _(x: Exchange) -> None:
    pieces = x.pieces(("\ufffd", *WORDS))
    await x.answer([Piece(p.data.replace(rb"\ufffd", b"\xff\xfe"), p.tokens) for p in pieces])


@_named("big-chunk")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(("x" * BIG,)))


@_named("error-first")
async def _(x: Exchange) -> None:
    await _says(x, {"error": {"message": "out of memory", "type": "server_error"}})


@_named("error-midway")
async def _(x: Exchange) -> None:
    if not x.streamed:
        await _says(x, {"error": {"message": "out of memory", "type": "server_error"}})
        return
    await _half(x)
    await x.send(Piece(event({"error": {"message": "out of memory", "type": "server_error"}})))
    await x.end()


@_named("done-only")
async def _(x: Exchange) -> None:
    await x.answer([Piece(DONE)] if x.streamed else [Piece(b"null")])


@_named("role-only")
async def _(x: Exchange) -> None:
    """A first event without content, and then nothing: what must not count as a beginning."""
    pieces = x.pieces()[:1]
    await x.begin(1000)
    for piece in pieces:
        await x.send(piece)
    x.close()


@_named("no-done")
async def _(x: Exchange) -> None:
    pieces = x.pieces()
    await x.answer(pieces[:-1] if x.streamed else pieces)


@_named("two-dones")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces() + ([Piece(DONE)] if x.streamed else []))


@_named("two-finishes")
async def _(x: Exchange) -> None:
    pieces = x.pieces()
    if x.streamed:
        finish = len(WORDS) + 1
        pieces.insert(finish, pieces[finish])
    await x.answer(pieces)


# The bill


@_named("usage-absent")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage=None))


@_named("usage-negative")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage={"prompt_tokens": -5, "completion_tokens": -1}))


@_named("usage-words")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage={"prompt_tokens": "some", "completion_tokens": "many"}))


@_named("usage-huge")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage={"prompt_tokens": 10**30, "completion_tokens": 10**30}))


async def _half(x: Exchange) -> None:
    """Send the first half of an answer, and let the caller read it."""
    pieces = x.pieces()
    await x.begin(sum(len(piece.data) for piece in pieces))
    for piece in itertools.islice(pieces, (len(pieces) + 1) // 2):
        await x.send(piece)
        await asyncio.sleep(_SLOW_SECONDS)


async def _says(x: Exchange, fields: dict[str, object]) -> None:
    """Answer with one object."""
    await x.answer(
        [Piece(event(fields)), Piece(DONE)] if x.streamed else [Piece(json.dumps(fields).encode())]
    )


@lru_cache
def _bomb() -> bytes:
    """Return blanks, compressed to less than a hundredth."""
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    blanks = b" " * (1 << 20)
    packed = [packer.compress(blanks) for _ in range(BOMB // len(blanks))]
    return b"".join([*packed, packer.flush()])
