"""One request to the scripted upstream, and the means to answer it well or badly.

Bytes are written by hand, since no HTTP library would send most of what is sent here.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from tests.faults.ledger import Taken
from tests.faults.wire import DONE, EVENT_STREAM, JSON, chunk, completion, event

WORDS = ("alpha ", "beta ", "gamma ", "delta")
TEXT = "".join(WORDS)
_LINGER_NOT = struct.pack("ii", 1, 0)


class Piece(NamedTuple):
    """Bytes of a body and the tokens of the answer that they complete."""

    data: bytes
    tokens: int = 0


class Hangup(Exception):
    """The connection is over."""


@dataclass(slots=True)
class Exchange:
    """One request and the means to answer it, well or badly."""

    taken: Taken
    attempt: int
    """How many requests for the model came before."""
    turn: int
    """How many requests came before on this connection."""
    streamed: bool
    """Whether a stream is asked for."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def pieces(self, words: tuple[str, ...] = WORDS, usage: object = "right") -> list[Piece]:
        """Return the answer asked for: the events of a stream, or the two halves of a body."""
        counted = self.usage(len(words)) if usage == "right" else usage
        if not self.streamed:
            whole = completion(self.taken.model, "".join(words), counted)
            middle = len(whole) // 2
            return [Piece(whole[:middle]), Piece(whole[middle:], len(words))]
        chunks = [
            Piece(chunk(self.taken.model, {"role": "assistant", "content": ""})),
            *(Piece(chunk(self.taken.model, {"content": word}), 1) for word in words),
            Piece(chunk(self.taken.model, {}, finish_reason="stop")),
        ]
        if counted is not None:
            chunks.append(
                Piece(event({"object": "chat.completion.chunk", "choices": [], "usage": counted}))
            )
        return [*chunks, Piece(DONE)]

    def usage(self, completion_tokens: int) -> dict[str, int]:
        """Return the usage object of an answer of so many tokens."""
        read = self.taken.prompt_tokens
        return {
            "prompt_tokens": read,
            "completion_tokens": completion_tokens,
            "total_tokens": read + completion_tokens,
        }

    async def answer(self, pieces: list[Piece] | None = None) -> None:
        """Answer well, unless the pieces say otherwise."""
        pieces = self.pieces() if pieces is None else pieces
        await self.begin(sum(len(piece.data) for piece in pieces))
        for piece in pieces:
            await self.send(piece)
        await self.end()

    async def begin(self, length: int, **headers: str) -> None:
        """Send the head of a success of the kind asked for."""
        if self.streamed:
            await self.head(200, EVENT_STREAM, **headers, transfer_encoding="chunked")
        else:
            await self.head(200, JSON, **headers, content_length=str(length))

    async def head(self, status: int, content_type: str = JSON, /, **headers: str) -> None:
        """Send a status line and headers; underscores of their names become hyphens."""
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {content_type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.raw("\r\n".join([*lines, "", ""]).encode())

    async def send(self, piece: Piece) -> None:
        """Send a piece of the body, as a chunk where the answer is a stream."""
        size = f"{len(piece.data):x}\r\n".encode()
        await self.raw(size + piece.data + b"\r\n" if self.streamed else piece.data)
        self.taken.sent_tokens += piece.tokens

    async def end(self) -> None:
        """End the body."""
        if self.streamed:
            await self.raw(b"0\r\n\r\n")
        self.taken.ended = True

    async def whole(
        self, status: int, body: bytes, content_type: str = JSON, /, **headers: str
    ) -> None:
        """Send a complete response, whatever was asked for."""
        await self.head(status, content_type, **headers, content_length=str(len(body)))
        await self.raw(body)

    async def error(self, status: int, message: str, code: str = "", /, **headers: str) -> None:
        """Send an error object."""
        fields = {"message": message, "type": "scripted", "code": code or None}
        await self.whole(status, json.dumps({"error": fields}).encode(), JSON, **headers)

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Say nothing more until the caller hangs up."""
        while await self.reader.read(1024):
            pass
        raise Hangup

    def reset(self) -> None:
        """Break the connection with an RST: what was written and not read is lost."""
        reset(self.writer)
        raise Hangup

    def close(self) -> None:
        """End the connection in an orderly way, wherever the answer stands."""
        raise Hangup


Behaviour = Callable[[Exchange], Awaitable[None]]
Table = dict[str, Behaviour]


def named(table: Table, name: str) -> Callable[[Behaviour], Behaviour]:
    """Put a behaviour into a table under a name."""

    def keep(behaviour: Behaviour) -> Behaviour:
        table[name] = behaviour
        return behaviour

    return keep


async def well(x: Exchange) -> None:
    """Answer well."""
    await x.answer()


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection with an RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
