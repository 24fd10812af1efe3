"""An upstream that speaks OpenAI's wire over raw sockets and fails on command.

The model's name in a request chooses what happens (:mod:`tests.faults.behaviours`). Bytes are written
by hand, since no HTTP library would send most of what is sent here. Everything asked and everything
served is noted in a ledger, which bills as vendors do: what was produced, and the prompt with it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeVar

from tests.faults.wire import (
    DONE,
    EVENT_STREAM,
    JSON,
    chunk,
    completion,
    event,
    read_request,
    response,
)

T = TypeVar("T")

WORDS = ("alpha ", "beta ", "gamma ", "delta")
TEXT = "".join(WORDS)
WELL = "/well"
"""Before the path: answer well, whatever the model's name."""
_LINGER_NOT = struct.pack("ii", 1, 0)
_LARGEST_HEAD = 1 << 16


class Piece(NamedTuple):
    """Bytes of a body and the tokens of the answer that they complete."""

    data: bytes
    tokens: int = 0


@dataclass(slots=True)
class Taken:
    """One request as the upstream saw it.

    Args:
        model: The model it named.
        request_id: Its ``x-request-id``.
        streamed: Whether a stream was asked for.
        prompt_tokens: What its prompt counts.
        words: What the last message says.
        well: Whether it is to be answered well.
    """

    model: str
    request_id: str
    streamed: bool
    prompt_tokens: int
    words: str
    well: bool
    sent_tokens: int = field(default=0, init=False)
    """Tokens of the answer that were written to the socket."""
    ended: bool = field(default=False, init=False)
    """Whether the answer was sent to its end."""

    @property
    def billed(self) -> tuple[int, int]:
        """Tokens read and written that are on the bill: none where nothing was produced."""
        return (self.prompt_tokens, self.sent_tokens) if self.sent_tokens else (0, 0)


@dataclass(slots=True)
class Ledger:
    """What the upstream has seen and served, in order."""

    taken: list[Taken] = field(default_factory=list)
    open: int = 0
    """Requests that are being answered."""
    connections: int = 0
    """Connections made so far."""


def nanos_by_request(taken: Iterable[Taken], price_in: float, price_out: float) -> dict[str, int]:
    """Return each request's bill in billionths of a dollar, at prices per million tokens."""
    bill: dict[str, int] = {}
    for one in taken:
        read, written = one.billed
        nanos = round(1000 * (read * price_in + written * price_out))
        bill[one.request_id] = bill.get(one.request_id, 0) + nanos
    return bill


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
        _reset(self.writer)
        raise Hangup

    def close(self) -> None:
        """End the connection in an orderly way, wherever the answer stands."""
        raise Hangup


Behaviour = Callable[[Exchange], Awaitable[None]]


class FaultyUpstream:
    """The upstream in a loop of its own, in a thread, so that blocking callers can be used beside it.

    Besides its main address it has doors at which connections fail before anything is read, and one
    address at which it always answers well.

    Args:
        behaviours: What to do, by the model's name up to a slash; every other is answered well.
    """

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self._behaviours = behaviours
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []
        self._closed_door = socket.socket()
        self._attempts: dict[str, int] = {}
        self._urls: dict[str, str] = {}
        self.ledger = Ledger()

    def __enter__(self) -> Self:
        self._thread.start()
        # Bound and not listening: nobody else gets the port, and every connection is refused.
        self._closed_door.bind(("127.0.0.1", 0))
        self._urls["refused"] = _url(self._closed_door)
        doors = {"": self._serve, "close-on-accept": _hang_up, "reset-on-accept": _slam}
        for name, serve in doors.items():
            server = self.run(asyncio.start_server(serve, "127.0.0.1", 0, limit=_LARGEST_HEAD))
            self._servers.append(server)
            self._urls[name] = _url(server.sockets[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._closed_door.close()

    def url(self, door: str = "") -> str:
        """Return the base URL of a door, of the main one for any name that is none."""
        return self._urls.get(door, self._urls[""]) + "/v1"

    @property
    def well_url(self) -> str:
        """Base URL at which every model answers well."""
        return self._urls[""] + WELL + "/v1"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the upstream's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.ledger.connections += 1
        turn = 0
        with suppress(Hangup, ConnectionError, asyncio.IncompleteReadError):
            while True:
                await self._exchange(reader, writer, turn)
                turn += 1
        writer.close()

    def _taken(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Taken:
        said = [str(message.get("content") or "") for message in body["messages"]]
        model = body["model"]
        return Taken(
            model=model,
            request_id=headers.get("x-request-id", ""),
            streamed=body.get("stream") is True,
            prompt_tokens=sum(len(text.split()) for text in said),
            words=said[-1],
            well=path.startswith(WELL) or _name_of(model) not in self._behaviours,
        )

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: int
    ) -> None:
        method, path, headers, content = await read_request(reader)
        if method != "POST":
            listed = json.dumps({"object": "list", "data": []})
            writer.write(response(listed.encode()))
            return
        taken = self._taken(path, headers, json.loads(content))
        attempt = self._attempts.get(taken.model, 0)
        self._attempts[taken.model] = attempt + 1
        self.ledger.taken.append(taken)
        behaviour = _well if taken.well else self._behaviours[_name_of(taken.model)]
        self.ledger.open += 1
        try:
            await behaviour(Exchange(taken, attempt, turn, taken.streamed, reader, writer))
        finally:
            self.ledger.open -= 1


async def _well(x: Exchange) -> None:
    await x.answer()


def _name_of(model: str) -> str:
    return model.partition("/")[0]


def _url(listening: socket.socket | Any) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
