"""Bounds of a request as it comes in: its address, its encoding, the size of its body and its time.

Sizes of headers, and the time that they may take, are bounded by the HTTP server
(:mod:`orchestrator.server`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import error_response

MAX_URL_BYTES = 8192
BYTES_A_SECOND = 16 * 1024
"""A body that comes faster than this on the whole has all the time it needs."""


class InboundLimits:
    """Refuses what is too large, too slow, or packed.

    Args:
        app: What is protected.
        max_body_bytes: Largest body accepted.
        body_timeout: Seconds that a body may take, and one more for each :data:`BYTES_A_SECOND`
            of it that have come.
        exceptions: By path, the setting with another largest body, and that size.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        body_timeout: float,
        exceptions: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        self._app = app
        self._usual = ("COE_MAX_BODY_BYTES", max_body_bytes)
        self._exceptions = exceptions or {}
        self._timeout = body_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        setting, limit = self._exceptions.get(scope["path"], self._usual)
        problem = _problem(scope, setting, limit)
        if problem is not None:
            await error_response(problem, scope["state"]["request_id"])(scope, receive, send)
            return
        await self._app(scope, _Body(receive, setting, limit, self._timeout).receive, send)


class _Body:
    """One request's body as it comes."""

    __slots__ = ("_limit", "_read", "_receive", "_setting", "_since", "_size", "_timeout")

    def __init__(self, receive: Receive, setting: str, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._setting = setting
        self._timeout = seconds
        self._since: float | None = None
        self._size = 0
        self._read = False

    async def receive(self) -> Message:
        """Return the next message.

        Raises:
            ApiError: 413 if there is too much of the body by now, 408 if too little.
        """
        if self._read:  # from here on it is a wait for the client to go away
            return await self._receive()
        message = await self._in_time()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._read = not message.get("more_body", False)
            if self._size > self._limit:
                raise _too_large(self._setting, self._limit)
        return message

    async def _in_time(self) -> Message:
        """Return the next message; a timer of our own costs half of what ``asyncio.timeout`` does."""
        loop = asyncio.get_running_loop()
        if self._since is None:
            self._since = loop.time()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 (requests are served by tasks)
        late, before = False, task.cancelling()

        def give_up() -> None:
            nonlocal late
            late = True
            task.cancel()

        timer = loop.call_at(self._since + self._timeout + self._size / BYTES_A_SECOND, give_up)
        try:
            return await self._receive()
        except asyncio.CancelledError as error:
            if not late or task.uncancel() > before:
                raise
            raise ApiError(
                408,
                "body_too_slow",
                f"The request body did not come in {self._timeout:g} s (COE_BODY_TIMEOUT).",
                headers={"connection": "close"},
            ) from error
        finally:
            timer.cancel()


def _problem(scope: Scope, setting: str, limit: int) -> ApiError | None:
    """Return what is wrong with a request, as its head tells."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL_BYTES:
        return ApiError(
            414, "url_too_long", f"The address is longer than {MAX_URL_BYTES} characters."
        )
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            return ApiError(
                415,
                "unsupported_encoding",
                "Request bodies are taken as they are, not compressed.",
                headers={"accept-encoding": "identity"},
            )
        if name == b"content-length" and not (value.isdigit() and int(value) <= limit):
            return _too_large(setting, limit)
    return None


def _too_large(setting: str, limit: int) -> ApiError:
    return ApiError(
        413, "body_too_large", f"The request body is larger than {limit} bytes ({setting})."
    )
