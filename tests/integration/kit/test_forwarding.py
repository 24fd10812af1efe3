"""Requests and WebSockets that another process serves, over real unix sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from orchestrator.kit.forwarded import ClientAddress
from orchestrator.kit.forwarding import Forwarded
from orchestrator.kit.listening import Listening

SECRET = "known-to-both"


async def _seen(request: Request) -> Response:
    body = await request.body()
    headers = dict(request.headers)
    return JSONResponse(
        {
            "client": request.client.host if request.client else None,
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "body": body.decode(),
            "headers": headers,
        },
        headers={"set-cookie": "a=1"},
    )


async def _elsewhere(_: Request) -> Response:
    return RedirectResponse("/pages/there", 303)


async def _pieces(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"{number}".encode() * 70_000

    return StreamingResponse(pieces())


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    assert websocket.client is not None
    await websocket.send_json([websocket.client.host, websocket.cookies])
    while (text := await websocket.receive_text()) != "end":
        await websocket.send_bytes(text.encode())
    await websocket.close(4000)


async def _refused(websocket: WebSocket) -> None:
    await websocket.close(4003)


async def _here(_: Request) -> Response:
    return Response("here")


@dataclass
class Pair:
    """A client at the process in front, and the one behind."""

    client: aiohttp.ClientSession
    behind: Listening


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    back: ASGIApp = Starlette(
        routes=[
            Route("/pages/pieces", _pieces),
            Route("/pages/elsewhere", _elsewhere),
            WebSocketRoute("/pages/socket", _echo),
            WebSocketRoute("/pages/closed", _refused),
            Route("/{path:path}", _seen, methods=["GET", "POST"]),
        ]
    )
    front: ASGIApp = Starlette(routes=[Route("/here", _here)])
    path = tmp_path / "1.sock"
    path.touch()  # what one that was killed leaves behind
    async with AsyncExitStack() as stack:
        behind = Listening(ClientAddress(back, "", SECRET), "", 0, websockets=True, path=path)
        await stack.enter_async_context(behind)
        forwarded = Forwarded(front, lambda path: path.startswith("/pages"), path, SECRET)
        await stack.enter_async_context(forwarded)
        listening = Listening(forwarded, "127.0.0.1", 0, websockets=True)
        await stack.enter_async_context(listening)
        session = aiohttp.ClientSession(listening.url, cookie_jar=aiohttp.DummyCookieJar())
        await stack.enter_async_context(session)
        yield Pair(session, behind)


async def _json(pair: Pair, method: str, path: str, **options: Any) -> dict[str, Any]:
    async with pair.client.request(method, path, **options) as answer:
        assert answer.status == 200
        assert answer.headers["set-cookie"] == "a=1"
        found: dict[str, Any] = await answer.json()
        return found


async def test_requests_arrive_as_they_were_and_answers_come_back(pair: Pair) -> None:
    invented = {"x-forwarded-for": "203.0.113.9", "x-coe-vouched": "guess", "cookie": "b=2"}
    seen = await _json(pair, "POST", "/pages/a%20b?c=d%26", data=b"body", headers=invented)
    assert (seen["path"], seen["query"], seen["body"]) == ("/pages/a%20b", "c=d%26", "body")
    assert seen["client"] == "127.0.0.1"
    assert seen["headers"]["host"].startswith("127.0.0.1:")
    assert seen["headers"]["cookie"] == "b=2"
    assert SECRET not in str(seen)
    async with pair.client.get("/pages/pieces") as answer:
        assert await answer.read() == b"0" * 70_000 + b"1" * 70_000 + b"2" * 70_000
    async with pair.client.get("/pages/elsewhere", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (303, "/pages/there")
    async with pair.client.get("/here") as answer:
        assert await answer.text() == "here"


async def test_websockets_go_through_both_ways_until_either_ends(pair: Pair) -> None:
    async with pair.client.ws_connect("/pages/socket", headers={"cookie": "b=2"}) as socket:
        assert await socket.receive_json() == ["127.0.0.1", {"b": "2"}]
        await socket.send_str("x" * 100_000)
        assert await socket.receive_bytes() == b"x" * 100_000
        await socket.send_str("end")
        ended = await socket.receive()
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 4000)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await pair.client.ws_connect("/pages/closed")


async def test_a_process_that_is_away_is_said_to_be(pair: Pair) -> None:
    pair.behind.close()
    async with pair.client.get("/pages/a") as answer:
        while answer.status == 200:  # the connection that was there until it was closed
            answer = await pair.client.get("/pages/a")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await pair.client.ws_connect("/pages/socket")
    async with pair.client.get("/here") as answer:
        assert answer.status == 200
