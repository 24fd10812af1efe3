"""Clients that ask a gateway and measure it, at as little cost of their own as Python allows.

Each keeps one connection and sends the next request once the answer is whole. Every request is another one: a
number in its text counts up, so that nothing on the way can have kept its answer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATH = "/v1/chat/completions"
_NUMBER = b"00000000"
_TURN = "Please tell me more about it, and say what follows from that for the rest. " * 8


@dataclass(frozen=True)
class Question:
    """A request in two parts, between which its number is put."""

    head: bytes
    tail: bytes

    def numbered(self, number: int) -> bytes:
        """Return the body of the request of a number."""
        return b"%b%08d%b" % (self.head, number, self.tail)


def question(size: int, *, stream: bool, pieces: int | None = None, model: str = "coe") -> Question:
    """Return a conversation of about so many bytes.

    Args:
        size: Bytes of its body; a long one has many turns.
        stream: Whether the answer is to be streamed.
        pieces: What is asked as ``max_tokens``.
        model: The model asked.
    """
    turns = [{"role": "user", "content": f"Question {_NUMBER.decode()}. "}]
    asked = {"model": model, "stream": stream, "messages": turns}
    if pieces is not None:
        asked["max_tokens"] = pieces
    left = size - len(json.dumps(asked))
    turns[0]["content"] += _TURN[: max(left, 0)]
    while (left := size - len(json.dumps(asked))) > 100:
        said = "assistant" if len(turns) % 2 else "user"
        turns.append({"role": said, "content": (_TURN * 4)[: left - 40]})
    if len(turns) % 2 == 0:
        turns.append({"role": "user", "content": "And?"})
    head, tail = json.dumps(asked).encode().split(_NUMBER)
    return Question(head, tail)


@dataclass
class Seen:
    """What clients saw.

    Args:
        seconds: How long it took.
        latencies: Of each answer, in seconds.
        firsts: Seconds until the first piece of each answer's body.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many answers came."""
        return len(self.latencies)

    def percentile(self, share: float, *, first: bool = False) -> float:
        """Return a percentile of the times, in milliseconds."""
        times = sorted(self.firsts if first else self.latencies)
        return 1000 * times[min(int(share * len(times)), len(times) - 1)]


class _Client(asyncio.Protocol):
    """Sends one request after the other over one connection, until time is up."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._data = bytearray()
        self._began = 0.0
        self._first = 0.0
        self._transport: asyncio.Transport | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("the connection was closed"))

    def _ask(self) -> None:
        assert self._transport is not None  # noqa: S101
        now = time.perf_counter()
        if now >= self._load.ends:
            self.over.set_result(None)
            self._transport.close()
            return
        self._data.clear()
        self._first = 0.0
        self._began = now
        self._transport.write(self._load.next_request())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._first:
            body = self._data.find(b"\r\n\r\n") + 4
            if body < 4 or len(self._data) == body:
                return
            self._first = time.perf_counter()
        if not _whole(self._data):
            return
        if not self._data.startswith(b"HTTP/1.1 200"):
            self.over.set_exception(RuntimeError(self._data[:2000].decode(errors="replace")))
            return
        self._load.seen.firsts.append(self._first - self._began)
        self._load.seen.latencies.append(time.perf_counter() - self._began)
        self._ask()


def _whole(data: bytearray) -> bool:
    """Tell whether a response is complete (RFC 9112: a length, or chunks that end with an empty one)."""
    end = data.find(b"\r\n\r\n")
    length = bytes(data[:end]).lower().partition(b"content-length:")[2]
    if length:
        return len(data) >= end + 4 + int(length.partition(b"\r\n")[0])
    return data.endswith(b"0\r\n\r\n")


class _Load:
    def __init__(
        self, url: str, what: Question, seconds: float, headers: Mapping[str, str]
    ) -> None:
        lines = {"host": urlsplit(url).netloc, "content-type": "application/json", **headers}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        size = len(what.numbered(0))
        self._head = f"POST {PATH} HTTP/1.1\r\n{told}content-length: {size}\r\n\r\n".encode()
        self._what = what
        self._numbers = itertools.count(1)
        self.seen = Seen()
        self.ends = time.perf_counter() + seconds

    def next_request(self) -> bytes:
        return self._head + self._what.numbered(next(self._numbers))


async def load(
    url: str, what: Question, clients: int, seconds: float, headers: Mapping[str, str]
) -> Seen:
    """Ask for so long, from so many clients that each wait for their answer.

    Args:
        url: Of the gateway.
        what: What is asked.
        clients: How many.
        seconds: After these none asks again; what is under way is waited for.
        headers: To be sent along.

    Raises:
        RuntimeError: If a request is not answered with status 200; it has the answer.
    """
    began = time.perf_counter()
    asking = _Load(url, what, seconds, headers)
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Client(asking), place.hostname, place.port)
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.over for _, client in opened))
    asking.seen.seconds = time.perf_counter() - began
    return asking.seen
