"""What strangers can do to the HTTP server: nothing too large, too slow, or without end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.chat.streaming import StreamResponse
from orchestrator.kit.headers import with_cors
from orchestrator.kit.http import RequestFrame, install_error_handlers
from orchestrator.kit.inbound import InboundLimits
from orchestrator.kit.listening import Listening

Ask = Callable[..., Awaitable[bytes]]


class Endless:
    """Streams for as long as somebody reads."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = asyncio.Event()

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while self.sent < 10**9:
                part = {"type": "http.response.body", "body": b"x" * 65536, "more_body": True}
                await send(part)
                self.sent += 65536
        finally:
            self.ended.set()


def build(endless: ASGIApp) -> ASGIApp:
    app = FastAPI()
    install_error_handlers(app)

    @app.post("/plain")
    async def plain(request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    @app.post("/model")
    async def model(body: dict[str, Any]) -> dict[str, Any]:
        return body

    app.mount("/endless", endless)
    limited = InboundLimits(app, max_body_bytes=100_000, body_timeout=0.4)
    return RequestFrame(with_cors(limited, "https://a.example"), send_timeout=0.3)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    async with Listening(app, "127.0.0.1", 0) as listening:
        yield int(listening.url.rpartition(":")[2])


@pytest.fixture(scope="module")
async def endless() -> Endless:
    return Endless()


@pytest.fixture(scope="module")
async def port(endless: Endless) -> AsyncIterator[int]:
    async with served(build(endless)) as port:
        yield port


async def ask(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes, piece by piece until there is an answer, and return it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sending = asyncio.create_task(_send(writer, parts, pause))
    try:
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            return head + await reader.readexactly(length)
    finally:
        sending.cancel()
        await asyncio.wait((sending,))
        writer.transport.abort()
        await asyncio.sleep(0)


async def _send(writer: asyncio.StreamWriter, parts: tuple[bytes, ...], pause: float) -> None:
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause)


def post(path: str, body: bytes = b"", **headers: Any) -> bytes:
    named = {"host": "x", "content_length": len(body), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def test_an_ordinary_request_is_answered_with_careful_headers(port: int) -> None:
    answer = (await ask(port, post("/plain", b"12345"))).lower()
    assert answer.startswith(b"http/1.1 200")
    assert answer.endswith(b"5")
    for header in (
        b"x-content-type-options: nosniff",
        b"referrer-policy: no-referrer",
        b"x-frame-options: deny",
        b"content-security-policy: default-src 'none'; frame-ancestors 'none'",
        b"cache-control: no-store",
        b"x-coe-request-id: req_",
    ):
        assert header in answer
    assert b"strict-transport" not in answer
    assert b"access-control" not in answer


async def test_browsers_are_told_to_stay_with_https_where_it_is_known(port: int) -> None:
    answer = await ask(port, post("/plain", x_forwarded_proto="https"))
    assert b"strict-transport-security: max-age=" in answer.lower()


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (post("/plain?" + "x" * 9000), 414, "url_too_long"),
        (post("/" + "x" * 9000), 414, "url_too_long"),
        (post("/plain", b"\x1f\x8b", content_encoding="gzip"), 415, "unsupported_encoding"),
        (post("/plain", b"x", content_encoding="br"), 415, "unsupported_encoding"),
        (post("/plain", content_length=100_001), 413, "body_too_large"),
        (post("/plain", b"x", x="y" * 200_000), 431, ""),
        (post("/plain", b"x", **{f"x{n}": n for n in range(200)}), 431, ""),
        (b"NONSENSE\r\n\r\n", 400, ""),
        (post("/model", b"[" * 50_000, content_type="application/json"), 400, ""),
        (post("/model", b'{"a":' * 9_000, content_type="application/json"), 400, ""),
    ],
)
async def test_what_is_refused(port: int, request_bytes: bytes, status: int, code: str) -> None:
    answer = await ask(port, request_bytes)
    assert answer.startswith(f"HTTP/1.1 {status}".encode())
    assert code.encode() in answer


async def test_a_body_in_chunks_is_counted(port: int) -> None:
    head = b"POST /plain HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    small = await ask(port, head, chunk, b"0\r\n\r\n")
    assert small.endswith(str(0x8000).encode())
    large = await ask(port, head, *[chunk] * 4, b"0\r\n\r\n")
    assert b"body_too_large" in large


@pytest.mark.parametrize("path", ["/plain", "/model"])
async def test_a_body_that_trickles_is_given_up(port: int, path: str) -> None:
    began = time.monotonic()
    head = post(path, content_length=1000, content_type="application/json")
    answer = await ask(port, head, *[b"x"] * 12, pause=0.05)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"COE_BODY_TIMEOUT" in answer
    assert time.monotonic() - began < 3


async def test_a_body_that_comes_slowly_but_steadily_is_taken(port: int) -> None:
    parts = [b"x" * 9_000] * 10
    answer = await ask(port, post("/plain", content_length=90_000), *parts, pause=0.06)
    assert answer.endswith(b"90000")


async def test_who_does_not_read_is_cut_off_and_costs_no_memory(
    port: int, endless: Endless
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /endless/ HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(5):
        await endless.ended.wait()
    assert 0 < endless.sent < 50_000_000
    writer.transport.abort()


async def test_preflights_of_pages_that_are_allowed(port: int) -> None:
    def preflight(origin: str) -> bytes:
        return (
            f"OPTIONS /plain HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\n"
            "access-control-request-method: POST\r\n"
            "access-control-request-headers: authorization, x-stainless-os\r\n\r\n"
        ).encode()

    allowed = (await ask(port, preflight("https://a.example"))).lower()
    assert allowed.startswith(b"http/1.1 200")
    assert b"access-control-allow-origin: https://a.example" in allowed
    assert b"authorization" in allowed
    assert b"access-control-allow-credentials" not in allowed
    for origin in ("https://b.example", "null", "https://a.example.evil", "http://a.example"):
        refused = (await ask(port, preflight(origin))).lower()
        assert refused.startswith(b"http/1.1 400")
        assert b"access-control-allow-origin" not in refused


async def test_errors_can_be_read_by_pages_that_are_allowed(port: int) -> None:
    answer = await ask(port, post("/plain?" + "x" * 9000, origin="https://a.example"))
    assert answer.startswith(b"HTTP/1.1 414")
    assert b"access-control-allow-origin: https://a.example" in answer.lower()


async def test_a_stream_that_nobody_reads_is_closed_and_its_account_with_it() -> None:
    closed, sent = asyncio.Event(), []

    async def blocks() -> AsyncIterator[bytes]:
        try:
            for _ in range(100):
                yield b"data: {}\n\n"
        finally:
            closed.set()

    async def forever() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 5:
            await forever()

    scope = {"type": "http", "path": "/", "headers": []}
    streaming = StreamResponse(blocks(), {})  # type: ignore[arg-type]
    async with asyncio.timeout(3):
        await RequestFrame(streaming, send_timeout=0.05)(scope, forever, send)
    assert closed.is_set()
    assert len(sent) == 6
