"""What the gateway benchmarks run: a stub of an expert, and a bare pass-through.

    python benchmarks/gateway_parts.py stub PORT
    python benchmarks/gateway_parts.py bare PORT STUB_PORT

A request's ``max_tokens`` says how its answer is streamed: so many pieces, all at once; ``DRIPPED`` of them
come one by one, two milliseconds apart, and ``HELD`` are held back for as long as the stub runs.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import lru_cache

import aiohttp
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

WORDS = 32
DRIPPED = 31
HELD = 2
_PAUSE = 0.002
_STREAMED = re.compile(rb'"stream": ?true')
_MOST = re.compile(rb'"max_tokens": ?(\d+)')
USAGE = {"prompt_tokens": 100, "completion_tokens": WORDS, "total_tokens": 100 + WORDS}
_ABOUT = {"id": "c", "created": 1, "model": "stub"}


def whole_answer() -> bytes:
    """Return a chat completion."""
    message = {"role": "assistant", "content": "word " * WORDS}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    fields = {**_ABOUT, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return json.dumps(fields).encode()


def streamed_answer(chunks: int = WORDS) -> list[bytes]:
    """Return a chat completion as events."""
    about = {**_ABOUT, "object": "chat.completion.chunk"}
    parts = [{"content": "word "}] * chunks + [{}]
    events = []
    for part in parts:
        choice = {"index": 0, "delta": part, "finish_reason": None if part else "stop"}
        events.append({**about, "choices": [choice]})
    events.append({**about, "choices": [], "usage": USAGE})
    return [*(f"data: {json.dumps(event)}\n\n".encode() for event in events), b"data: [DONE]\n\n"]


class _Stub(asyncio.Protocol):
    """HTTP/1.1 at its least: whatever is posted is answered at once, so that the stub costs next to nothing."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.data[:end]).lower()
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.data) < end + 4 + size:
                return
            body = bytes(self.data[end + 4 : end + 4 + size])
            del self.data[: end + 4 + size]
            asked = _MOST.search(body)
            pieces = int(asked[1]) if asked else WORDS
            if not _STREAMED.search(body):
                self._write(_whole())
            elif pieces == DRIPPED:
                self._drip(list(_pieces(pieces)))
            elif pieces == HELD:
                self._write(b"".join(_pieces(pieces)[:2]))
            else:
                self._write(_at_once(pieces))

    def _drip(self, pieces: list[bytes]) -> None:
        self._write(pieces.pop(0))
        if pieces:
            asyncio.get_running_loop().call_later(_PAUSE, self._drip, pieces)

    def _write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)


@lru_cache
def _whole() -> bytes:
    body = whole_answer()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


@lru_cache
def _pieces(chunks: int) -> tuple[bytes, ...]:
    start = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    parts = (b"%x\r\n%b\r\n" % (len(part), part) for part in streamed_answer(chunks))
    return (start, *parts, b"0\r\n\r\n")


@lru_cache
def _at_once(chunks: int) -> bytes:
    return b"".join(_pieces(chunks))


async def _stub(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Stub, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def bare_app(stub: str) -> Starlette:
    """Return the least a gateway in Python can do: read a request, pass it on, pass the answer back."""
    session: aiohttp.ClientSession | None = None

    async def chat(request: Request) -> Response:
        nonlocal session
        if session is None:
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        body = await request.body()
        headers = {"content-type": "application/json"}
        answer = await session.post(f"{stub}/v1/chat/completions", data=body, headers=headers)
        if answer.content_type == "text/event-stream":
            return StreamingResponse(answer.content.iter_any(), media_type="text/event-stream")
        return Response(await answer.read(), media_type="application/json")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


async def _bare(port: int, stub_port: int) -> None:
    app = bare_app(f"http://127.0.0.1:{stub_port}")
    await Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False
    ).serve()


def main() -> None:
    import uvloop

    name, *ports = sys.argv[1:]
    numbers = [int(port) for port in ports]
    uvloop.run(_stub(*numbers) if name == "stub" else _bare(*numbers))


if __name__ == "__main__":
    main()
