"""What the gateway benchmark runs: a stub of an expert, a bare pass-through, and clients that measure.

Run as a program it is one of the servers: ``python gateway_parts.py stub PORT`` or ``bare PORT STUB_PORT``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import aiohttp
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

WORDS = 32
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

    whole = b""
    streamed = b""

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
            streamed = b'"stream":true' in body or b'"stream": true' in body
            assert self.transport is not None  # noqa: S101
            self.transport.write(_Stub.streamed if streamed else _Stub.whole)


async def _stub(port: int) -> None:
    body = whole_answer()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    _Stub.whole = head % len(body) + body
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in streamed_answer())
    start = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    _Stub.streamed = start + chunked + b"0\r\n\r\n"
    server = await asyncio.get_running_loop().create_server(_Stub, "127.0.0.1", port)
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
    await Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI).serve()


@dataclass
class Seen:
    """What clients saw.

    Args:
        seconds: How long it took.
        latencies: Of each answer, in seconds.
        firsts: Seconds until the first piece of each.
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


async def load(
    url: str, body: bytes, clients: int, seconds: float, headers: dict[str, str]
) -> Seen:
    """Ask for so long, from so many clients that each wait for their answer."""
    began = time.perf_counter()
    over = began + seconds
    seen = Seen()

    async def ask(session: aiohttp.ClientSession) -> None:
        while (at := time.perf_counter()) < over:
            async with session.post(f"{url}/v1/chat/completions", data=body) as answer:
                if answer.status != 200:
                    raise RuntimeError((await answer.read()).decode())
                await answer.content.readany()
                first = time.perf_counter()
                await answer.read()
            seen.firsts.append(first - at)
            seen.latencies.append(time.perf_counter() - at)

    connector = aiohttp.TCPConnector(limit=0)
    headers = {"content-type": "application/json", **headers}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        await asyncio.gather(*(ask(session) for _ in range(clients)))
    seen.seconds = time.perf_counter() - began
    return seen


def main() -> None:
    import uvloop

    name, *ports = sys.argv[1:]
    numbers = [int(port) for port in ports]
    uvloop.run(_stub(*numbers) if name == "stub" else _bare(*numbers))


if __name__ == "__main__":
    main()
