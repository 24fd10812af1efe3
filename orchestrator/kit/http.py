"""What holds for every request: an id, a bounded body, and errors in one shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import new_request_id

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that did not wait; nobody reads it."""

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

log = logging.getLogger(__name__)


class RequestFrame:
    """Gives each request its id and refuses bodies that are too large, read or announced.

    Args:
        app: What it frames.
        max_body_bytes: Largest body accepted.
        exceptions: By path, the setting with another limit, and that limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        exceptions: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        self._app = app
        self._usual = ("COE_MAX_BODY_BYTES", max_body_bytes)
        self._exceptions = exceptions or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-coe-request-id"] = request_id
            await send(message)

        setting, limit = self._exceptions.get(scope["path"], self._usual)
        too_large = _too_large(setting, limit)
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > limit:
            await error_response(too_large, request_id)(scope, receive, send_with_id)
            return
        await self._app(scope, _bounded(receive, limit, too_large), send_with_id)


def _bounded(receive: Receive, limit: int, too_large: ApiError) -> Receive:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > limit:
                raise too_large
        return message

    return bounded


def _too_large(setting: str, limit: int) -> ApiError:
    return ApiError(
        413, "body_too_large", f"The request body is larger than {limit} bytes ({setting})."
    )


def error_response(error: ApiError, request_id: str) -> Response:
    """Return an error as a response."""
    return Response(
        msgspec.json.encode(error.body(request_id)),
        status_code=error.status,
        media_type="application/json",
        headers=error.headers,
    )


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
        request_id = request.state.request_id
        log.error("request %s met a bug", request_id, exc_info=error)
        shaped = ApiError(500, "internal_error", f"A bug of ours. Report it with {request_id}.")
        return error_response(shaped, request_id)

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
