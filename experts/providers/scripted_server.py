"""A scripted expert behind a real HTTP server on loopback, speaking OpenAI's wire.

It lets tests and demonstrations drive the HTTP providers over real sockets::

    async with ScriptedServer("fixed:Hello") as server:
        ...  # POST {server.url}/chat/completions
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from aiohttp import web

from experts.providers.playing import EVENT_STREAM, ConnectionBroken, Reply, play
from experts.providers.playing_vectors import play_embeddings
from experts.providers.scripts import parse_script

_MAX_REQUEST_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Ledger:
    """What the server saw.

    Args:
        requests: Bodies of the requests, in order.
        headers: Their headers, lower-case.
        served: How many replies were sent to their end.
        pieces: How many pieces of body were sent.
        cancelled: How many callers went away before the end.
        open: How many replies are being sent.
        most_open: The most that ever were at once.
        connections: The callers' ports, one for each connection that was made.
    """

    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    served: int = 0
    pieces: int = 0
    cancelled: int = 0
    open: int = 0
    most_open: int = 0
    connections: set[int] = field(default_factory=set)


class ScriptedServer:
    """Serves ``/v1/chat/completions``, ``/v1/embeddings`` and ``/v1/models``.

    Args:
        script: What every request is answered with. Without it, the request's ``model`` is the
            script.
        models: Names that ``/v1/models`` lists.
        port: Port on 127.0.0.1; 0 takes a free one.
    """

    def __init__(
        self,
        script: str | Mapping[str, Any] | None = None,
        *,
        models: tuple[str, ...] = ("echo",),
        port: int = 0,
    ) -> None:
        self._script = None if script is None else parse_script(script)
        self._models = models
        self._port = port
        self._runner: web.AppRunner | None = None
        self._attempts: Counter[str] = Counter()
        self.ledger = Ledger()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """Base URL, up to and including ``/v1``."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start listening."""
        app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._list_models)
        # A handler whose caller went away is cancelled, as a real inference server stops working.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _list_models(self, _: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "owned_by": "script"} for name in self._models]
        return web.json_response({"object": "list", "data": data})

    async def _noted(self, request: web.Request) -> dict[str, Any]:
        """Return a request's body, once it is in the ledger."""
        body: dict[str, Any] = msgspec.json.decode(await request.read())
        self.ledger.requests.append(body)
        self.ledger.headers.append({name.lower(): text for name, text in request.headers.items()})
        if request.transport is not None:
            self.ledger.connections.add(request.transport.get_extra_info("peername")[1])
        return body

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await self._noted(request)
        model = str(body.get("model", ""))
        try:
            script = self._script or parse_script(model)
        except ValueError:
            return _no_such_model(model)
        return await self._send(request, play_embeddings(script, body, model=model))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._noted(request)
        model = str(body.get("model", ""))
        try:
            script = self._script or parse_script(model)
        except ValueError:
            return _no_such_model(model)
        reply = play(script, body, model=model, attempt=self._attempts[model])
        self._attempts[model] += 1
        return await self._send(request, reply)

    async def _send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        ledger = self.ledger
        ledger.open += 1
        ledger.most_open = max(ledger.most_open, ledger.open)
        try:
            response = await self._send_body(request, reply)
        except (asyncio.CancelledError, ConnectionResetError):
            ledger.cancelled += 1
            raise
        except ConnectionBroken:
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError from None
        else:
            ledger.served += 1
            return response
        finally:
            ledger.open -= 1
            await reply.body.aclose()

    async def _send_body(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        headers = {"Content-Type": reply.content_type, **reply.headers}
        if reply.content_type != EVENT_STREAM:
            return await self._send_whole(request, reply, headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        await response.prepare(request)
        async for piece in reply.body:
            await response.write(piece)
            self.ledger.pieces += 1
        await response.write_eof()
        return response

    async def _send_whole(
        self, request: web.Request, reply: Reply, headers: dict[str, str]
    ) -> web.StreamResponse:
        body = bytearray()
        try:
            async for piece in reply.body:
                body += piece
        except ConnectionBroken:
            # One byte more is announced than ever comes.
            broken = web.StreamResponse(headers=headers)
            broken.content_length = len(body) + 1
            await broken.prepare(request)
            await broken.write(bytes(body))
            raise
        response = web.Response(status=reply.status, body=bytes(body), headers=headers)
        await response.prepare(request)
        await response.write_eof()
        self.ledger.pieces += 1
        return response


def _no_such_model(model: str) -> web.Response:
    error = {"message": f"The model '{model}' does not exist", "code": "model_not_found"}
    return web.json_response({"error": error}, status=404)
