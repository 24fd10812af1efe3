"""What goes wrong below the answer: the connection, the protocol, the status, the time."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from tests.faults.exchange import Exchange, Piece, Table, named
from tests.faults.wire import EVENT_STREAM, JSON, chunk

WIRE: Table = {}
BOMB = 256 * 1024 * 1024
STALE = "stale"
PACE = 0.05
"""Seconds between two pieces, so that the first are read before the others come."""
_HUGE_HEAD = 1 << 20


async def half_of(x: Exchange) -> None:
    """Send the first half of an answer, and let the caller read it."""
    pieces = x.pieces()
    await x.begin(sum(len(piece.data) for piece in pieces))
    for piece in itertools.islice(pieces, (len(pieces) + 1) // 2):
        await x.send(piece)
        await asyncio.sleep(PACE)


@lru_cache
def _bomb() -> bytes:
    """Return blanks, compressed to less than a hundredth."""
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    blanks = b" " * (1 << 20)
    packed = [packer.compress(blanks) for _ in range(BOMB // len(blanks))]
    return b"".join([*packed, packer.flush()])


# The connection


@named(WIRE, "close-unanswered")
async def _(x: Exchange) -> None:
    x.close()


@named(WIRE, "reset-unanswered")
async def _(x: Exchange) -> None:
    x.reset()


@named(WIRE, "reset-after-head")
async def _(x: Exchange) -> None:
    await x.begin(100)
    x.reset()


@named(WIRE, "reset-midway")
async def _(x: Exchange) -> None:
    await half_of(x)
    x.reset()


@named(WIRE, "close-midway")
async def _(x: Exchange) -> None:
    await half_of(x)
    x.close()


@named(WIRE, "half-event")
async def _(x: Exchange) -> None:
    await half_of(x)
    if x.streamed:
        await x.send(Piece(chunk(x.taken.model, {"content": "cut"})[:40]))
    x.close()


@named(WIRE, STALE)
async def _(x: Exchange) -> None:
    # As a server does that closes an idle connection just when it is taken up again.
    if x.turn:
        x.close()
    await x.answer()


# The protocol


@named(WIRE, "not-http")
async def _(x: Exchange) -> None:
    await x.raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    x.close()


@named(WIRE, "huge-headers")
async def _(x: Exchange) -> None:
    await x.head(200, JSON, x_padding="a" * _HUGE_HEAD, content_length="2")
    await x.raw(b"{}")


@named(WIRE, "bad-chunks")
async def _(x: Exchange) -> None:
    await x.head(200, EVENT_STREAM if x.streamed else JSON, transfer_encoding="chunked")
    await asyncio.sleep(PACE)
    await x.raw(b"zz\r\n" + b"".join(piece.data for piece in x.pieces()) + b"\r\n")
    x.close()


@named(WIRE, "continue-100")
async def _(x: Exchange) -> None:
    await x.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
    await x.answer()


@named(WIRE, "redirect")
async def _(x: Exchange) -> None:
    await x.whole(307, b"", JSON, location="/v1/elsewhere/chat/completions")


@named(WIRE, "gzip-bomb")
async def _(x: Exchange) -> None:
    body = _bomb()
    kind = EVENT_STREAM if x.streamed else JSON
    await x.whole(200, body, kind, content_encoding="gzip")


@named(WIRE, "html")
async def _(x: Exchange) -> None:
    await x.whole(200, b"<html>Welcome</html>", "text/html")


@named(WIRE, "empty-body")
async def _(x: Exchange) -> None:
    await x.whole(200, b"", EVENT_STREAM if x.streamed else JSON)


@named(WIRE, "other-kind")
async def _(x: Exchange) -> None:
    """The other of the two kinds of answer, whichever was asked for."""
    await replace(x, streamed=not x.streamed).answer()


# Statuses


@named(WIRE, "429-seconds")
async def _(x: Exchange) -> None:
    await (x.error(429, "slow down", retry_after="1") if x.attempt == 0 else x.answer())


@named(WIRE, "429-date")
async def _(x: Exchange) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    await x.error(429, "slow down", retry_after=later)


@named(WIRE, "429-bare")
async def _(x: Exchange) -> None:
    await x.error(429, "slow down")


@named(WIRE, "500-once")
async def _(x: Exchange) -> None:
    await (x.error(500, "oh") if x.attempt == 0 else x.answer())


@named(WIRE, "500-storm")
async def _(x: Exchange) -> None:
    await x.error(500, "oh")


@named(WIRE, "503")
async def _(x: Exchange) -> None:
    await x.error(503, "warming up")


@named(WIRE, "504")
async def _(x: Exchange) -> None:
    await x.error(504, "the model did not answer")


@named(WIRE, "401")
async def _(x: Exchange) -> None:
    await x.error(401, "no such key", "invalid_api_key")


@named(WIRE, "402")
async def _(x: Exchange) -> None:
    await x.error(402, "no credit")


@named(WIRE, "404-model")
async def _(x: Exchange) -> None:
    await x.error(404, "The model does not exist", "model_not_found")


@named(WIRE, "400-refused")
async def _(x: Exchange) -> None:
    await x.error(400, "'temperature' is too high", "invalid_value")


@named(WIRE, "400-context")
async def _(x: Exchange) -> None:
    message = "This model's maximum context length is 8 tokens, however you requested 9 tokens."
    await x.error(400, message, "context_length_exceeded")


# Time


@named(WIRE, "hang-head")
async def _(x: Exchange) -> None:
    await x.until_gone()


@named(WIRE, "hang-first")
async def _(x: Exchange) -> None:
    await x.begin(100)
    await x.until_gone()


@named(WIRE, "hang-midway")
async def _(x: Exchange) -> None:
    await half_of(x)
    await x.until_gone()


@named(WIRE, "trickle")
async def _(x: Exchange) -> None:
    words = ("drop ",) * 1_000_000
    await x.begin(10 * len(words))
    for word in words:
        drop = Piece(chunk(x.taken.model, {"content": word}), 1) if x.streamed else Piece(b" ")
        await x.send(drop)
        await asyncio.sleep(PACE)


@named(WIRE, "pings-only")
async def _(x: Exchange) -> None:
    await x.begin(1_000_000)
    while True:
        await x.send(Piece(b": ping\n\n" if x.streamed else b" "))
        await asyncio.sleep(PACE)
