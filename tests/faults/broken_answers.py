"""What is wrong with an answer that came: what it says, and what it says it cost."""

from __future__ import annotations

import asyncio
import json

from tests.faults.broken_wire import PACE, half_of
from tests.faults.exchange import WORDS, Exchange, Piece, Table, named
from tests.faults.wire import DONE, event

ANSWERS: Table = {}
LARGE = "large-answer"
LARGE_BYTES = 10 * 1024 * 1024
_DEEP = 200_000


async def _says(x: Exchange, fields: dict[str, object]) -> None:
    """Answer with one object."""
    await x.answer(
        [Piece(event(fields)), Piece(DONE)] if x.streamed else [Piece(json.dumps(fields).encode())]
    )


# The content


@named(ANSWERS, "no-choices")
async def _(x: Exchange) -> None:
    await _says(x, {"id": "x", "object": "chat.completion", "choices": []})


@named(ANSWERS, "not-json")
async def _(x: Exchange) -> None:
    garbage = b'{"id": nonsense'
    await x.answer(
        [Piece(b"data: " + garbage + b"\n\n"), Piece(DONE)] if x.streamed else [Piece(garbage)]
    )


@named(ANSWERS, "bad-utf8")
async def _(x: Exchange) -> None:
    pieces = x.pieces(("\ufffd", *WORDS))
    await x.answer([Piece(p.data.replace(rb"\ufffd", b"\xff\xfe"), p.tokens) for p in pieces])


@named(ANSWERS, "bad-utf8-midway")
async def _(x: Exchange) -> None:
    pieces = x.pieces((*WORDS, "\ufffd", *WORDS))
    spoilt = [Piece(p.data.replace(rb"\ufffd", b"\xff\xfe"), p.tokens) for p in pieces]
    await x.begin(sum(len(piece.data) for piece in spoilt))
    for piece in spoilt:
        await x.send(piece)
        await asyncio.sleep(PACE)
    await x.end()


@named(ANSWERS, "deep-json")
async def _(x: Exchange) -> None:
    """So many brackets that a parser that calls itself runs out of stack."""
    brackets = b'{"choices": ' + b"[" * _DEEP + b"]" * _DEEP + b"}"
    whole = (
        [Piece(b"data: " + brackets + b"\n\n"), Piece(DONE)] if x.streamed else [Piece(brackets)]
    )
    await x.answer(whole)


@named(ANSWERS, LARGE)
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(("x" * LARGE_BYTES,)))


@named(ANSWERS, "error-first")
async def _(x: Exchange) -> None:
    await _says(x, {"error": {"message": "out of memory", "type": "server_error"}})


@named(ANSWERS, "error-midway")
async def _(x: Exchange) -> None:
    if not x.streamed:
        await _says(x, {"error": {"message": "out of memory", "type": "server_error"}})
        return
    await half_of(x)
    await x.send(Piece(event({"error": {"message": "out of memory", "type": "server_error"}})))
    await x.end()


@named(ANSWERS, "done-only")
async def _(x: Exchange) -> None:
    await x.answer([Piece(DONE)] if x.streamed else [Piece(b"null")])


@named(ANSWERS, "role-only")
async def _(x: Exchange) -> None:
    """A first event without content, and then nothing: what must not count as a beginning."""
    pieces = x.pieces()[:1]
    await x.begin(1000)
    for piece in pieces:
        await x.send(piece)
    x.close()


@named(ANSWERS, "no-done")
async def _(x: Exchange) -> None:
    pieces = x.pieces()
    await x.answer(pieces[:-1] if x.streamed else pieces)


@named(ANSWERS, "two-dones")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces() + ([Piece(DONE)] if x.streamed else []))


@named(ANSWERS, "two-finishes")
async def _(x: Exchange) -> None:
    pieces = x.pieces()
    if x.streamed:
        finish = len(WORDS) + 1
        pieces.insert(finish, pieces[finish])
    await x.answer(pieces)


# The bill


@named(ANSWERS, "usage-absent")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage=None))


@named(ANSWERS, "usage-negative")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage={"prompt_tokens": -5, "completion_tokens": -1}))


@named(ANSWERS, "usage-words")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage={"prompt_tokens": "some", "completion_tokens": "many"}))


@named(ANSWERS, "usage-huge")
async def _(x: Exchange) -> None:
    await x.answer(x.pieces(usage={"prompt_tokens": 10**30, "completion_tokens": 10**30}))
