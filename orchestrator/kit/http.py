"""What holds for every request: an id, careful headers, a reader, and errors in one shape."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.kit import logs_context
from orchestrator.kit.errors import ApiError
from orchestrator.kit.headers import secure
from orchestrator.kit.ids import new_request_id

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that did not wait; nobody reads it."""

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

log = logging.getLogger(__name__)


class RequestFrame:
    """Gives each request its id, each answer its headers, and cuts off who does not read.

    Args:
        app: What it frames.
        send_timeout: Seconds that a part of an answer may wait for its reader.
    """

    def __init__(self, app: ASGIApp, *, send_timeout: float) -> None:
        self._app = app
        self._send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        work = logs_context.enter(state)
        reader = _Reader(send, self._send_timeout)

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(message, scope)
                message["headers"].append((b"x-coe-request-id", request_id.encode()))
                await send(message)
            elif message.get("more_body"):
                await reader.send(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, framed)
        except asyncio.CancelledError:
            if not reader.over():
                raise
        finally:
            reader.stop()
            logs_context.leave(work)


async def whole_body(request: Request) -> bytes:
    """Return a request's body; mostly it comes in one piece, which is passed on without a copy.

    Raises:
        ClientDisconnect: If the client goes before it is whole.
    """
    parts: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


class _Reader:
    """The one who reads an answer, and is given up if a part of it stays unread for too long.

    The server holds an answer back once its buffers are full, so a slow reader costs no memory; it
    would cost a connection and the work behind it for as long as it likes. One timer watches over
    a whole stream: one for each of its parts would cost more than sending them.
    """

    __slots__ = ("_before", "_given_up", "_limit", "_send", "_since", "_task", "_timer")

    def __init__(self, send: Send, limit: float) -> None:
        self._send = send
        self._limit = limit
        self._since = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._given_up: asyncio.Task[Any] | None = None
        self._before = 0
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, message: Message) -> None:
        """Send a part; the task that does is cancelled when the time is over."""
        loop = asyncio.get_running_loop()
        self._since, self._task = loop.time(), asyncio.current_task(loop)
        if self._timer is None:
            self._timer = loop.call_later(self._limit, self._look)
        try:
            await self._send(message)
        finally:
            self._task = None

    def over(self) -> bool:
        """Tell whether the current task was cancelled here, and by nobody else as well."""
        task = self._given_up
        if task is None or task is not asyncio.current_task():
            return False
        return task.uncancel() <= self._before

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        waited = loop.time() - self._since if self._task is not None else 0.0
        if self._task is not None and waited >= self._limit:
            log.info("a client that reads nothing for %g s was cut off", self._limit)
            self._given_up, self._before = self._task, self._task.cancelling()
            self._task.cancel()
            return
        self._timer = loop.call_later(self._limit - waited, self._look)


def error_response(error: ApiError, request_id: str) -> Response:
    """Return an error as a response."""
    return Response(
        msgspec.json.encode(error.body(request_id)),
        status_code=error.status,
        media_type="application/json",
        headers=error.headers,
    )


def bug_response(error: Exception, request_id: str) -> Response:
    """Log an error that nobody expected, and return a response that says no more of it than its id."""
    log.error("request %s met a bug", request_id, exc_info=error)
    shaped = ApiError(500, "internal_error", f"A bug of ours. Report it with {request_id}.")
    return error_response(shaped, request_id)


def install_error_handlers(app: FastAPI) -> None:
    """Give every error of the app OpenAI's shape."""

    async def on_api_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 (registered for it)
        return error_response(error, request.state.request_id)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return error_response(_invalid(error.errors()), request.state.request_id)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        if isinstance(error.__cause__, ApiError):
            # FastAPI calls whatever happens while it reads a body a malformed one.
            return error_response(error.__cause__, request.state.request_id)
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_allowed_methods(request))
        shaped = ApiError(error.status_code, code, str(error.detail), headers=headers)
        return error_response(shaped, request.state.request_id)

    async def on_client_gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    async def on_bug(request: Request, error: Exception) -> Response:
        return bug_response(error, request.state.request_id)

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(ClientDisconnect, on_client_gone)
    app.add_exception_handler(Exception, on_bug)


def _allowed_methods(request: Request) -> list[str]:
    """Return what a path can be asked with: Starlette names only the methods of its first route."""
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def _invalid(problems: Any) -> ApiError:
    """Return a 400 that names the first wrong field and counts the others."""
    first = problems[0]
    place = [part for part in first["loc"] if part not in {"body", "query", "path"}]
    param = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "json_invalid":
        return ApiError(400, "invalid_json", "The request body is not valid JSON.")
    return ApiError(
        400, "invalid_request", f"{param or 'body'}: {first['msg']}{more}", param=param or None
    )
