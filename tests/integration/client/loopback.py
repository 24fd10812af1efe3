"""A small service on 127.0.0.1 that keeps the HTTP contract, and breaks it when told to.

It holds its catalogue, keys and secrets in memory and answers like the real service, so that
client and command line meet real sockets. ``script`` makes the next answers misbehave.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.integration.client.endpoints import MOMENT, ROUTE_HEADERS, SERVICE, refusal, routes

KEY = "sk-coe-loopback-0123456789"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Service:
    """The state behind the endpoints."""

    experts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    script: deque[Handler] = field(default_factory=deque)
    is_ready: bool = True
    url: str = ""
    key: str = KEY

    # -- making it misbehave -------------------------------------------------------------------

    def will_answer(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer the next request with this instead; ``_`` in header names stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.Request) -> web.StreamResponse:
            if isinstance(body, bytes):
                return web.Response(status=status, body=body, headers=named)
            return web.json_response(body, status=status, headers=named)

        self.script.append(answer)

    def will_refuse(self, status: int, message: str = "no", **more: Any) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return refusal(status, message, **more)

        self.script.append(answer)

    def will_hang_up(self) -> None:
        """Read the next request and close the connection."""

        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self.script.append(answer)

    def will_stall(self, seconds: float) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return web.json_response({"status": "late"})

        self.script.append(answer)

    def will_stream(
        self,
        pieces: list[bytes],
        *,
        pause: float = 0.0,
        hang_up: bool = False,
        kind: str = "text/event-stream",
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            headers = ROUTE_HEADERS | {"content-type": kind}
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(pause)
            if hang_up:
                assert request.transport is not None
                request.transport.abort()
            return response

        self.script.append(answer)

    # -- what comes before every endpoint ------------------------------------------------------

    async def receive(self, request: web.Request, endpoint: Handler) -> web.StreamResponse:
        """Note the request, follow the script, check the key."""
        raw = await request.read()
        form = request.content_type.startswith("multipart/")
        body = raw if form else json.loads(raw) if raw else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.rel_url.raw_path
        self.seen.append(Seen(request.method, path, dict(request.query), headers, body))
        if self.script:
            return await self.script.popleft()(request)
        if path in {"/healthz", "/readyz"}:
            return await endpoint(request)
        if headers.get("authorization") != f"Bearer {self.key}":
            return refusal(401, "No such API key.", code="invalid_api_key")
        return await endpoint(request)

    def put(self, expert: dict[str, Any]) -> dict[str, Any]:
        """Put a new version of an expert in force."""
        versions = self.experts.setdefault(expert["id"], [])
        number = len(versions) + 1
        record = {"expert": expert, "version": number, "head": number, "updated_by": "key-0"}
        versions.append(record | {"updated_at": MOMENT})
        return versions[-1]


def application(service: Service) -> web.Application:
    @web.middleware
    async def first(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await service.receive(request, handler)
        except web.HTTPNotFound:
            return refusal(404, "Not found.", code="not_found")

    app = web.Application(client_max_size=64 * 2**20, middlewares=[first])
    app[SERVICE] = service
    app.add_routes(routes)
    return app


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Serve in a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    started = threading.Event()

    async def serve() -> None:
        runner = web.AppRunner(application(service), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    if not started.wait(10):
        raise RuntimeError("the loopback service did not start")
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
