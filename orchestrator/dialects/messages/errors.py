"""Errors in Anthropic's shape, wherever in the service they come from.

Wire: https://platform.claude.com/docs/en/api/errors.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from experts.providers.wire import UNREADABLE

PATH = "/v1/messages"
_FAILURES = 400
_TYPES = {
    "insufficient_budget": "billing_error",
    "expert_error": "api_error",
    "server_error": "api_error",
    "not_ready": "overloaded_error",
    "conflict_error": "invalid_request_error",
}
_SAME = frozenset({
    "invalid_request_error", "authentication_error", "permission_error", "not_found_error",
    "request_too_large", "rate_limit_error", "timeout_error",
})  # fmt: skip


def error_fields(error: dict[str, Any]) -> dict[str, Any]:
    """Return an error of OpenAI's shape in Anthropic's; code and field stay beside it."""
    kind = str(error.get("type"))
    return {
        "type": "error",
        "error": {
            "type": kind if kind in _SAME else _TYPES.get(kind, "api_error"),
            "message": error.get("message"),
            "code": error.get("code"),
            "param": error.get("param"),
        },
        "request_id": error.get("request_id"),
    }


class MessagesErrors:
    """Tells errors under ``/v1/messages`` in Anthropic's shape, and ids in its header.

    It stands around everything else, so that a body too large, an unknown path, an exhausted limit
    and a bug look like what these clients know.

    Args:
        app: What it stands around.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == PATH or path.startswith(f"{PATH}/")):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Shaping(send))


class _Shaping:
    """Sends one response on; an error when it is whole, in another shape."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["request-id"] = headers.get("x-coe-request-id", "")
            if message["status"] >= _FAILURES:
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body"):
            body = _shaped(self._body)
            MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": body})


def _shaped(body: bytes) -> bytes:
    try:
        fields = msgspec.json.decode(body)
    except UNREADABLE:
        return body
    error = fields.get("error") if isinstance(fields, dict) else None
    return msgspec.json.encode(error_fields(error)) if isinstance(error, dict) else body
