"""Puts every change that is asked for over HTTP on record, before it is done and after.

The entry before makes the log complete: a change whose entry cannot be written is not made. One
without an entry after it was cut short, and may or may not have been done.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.audit.chain import Event
from orchestrator.audit.log import Actor, AuditLog
from orchestrator.audit.redaction import kept_of
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import error_response
from orchestrator.tenants.door import principal_of

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_KEPT_BYTES = 16 * 1024
_LONGEST_PATH = 300

log = logging.getLogger(__name__)


class Audited:
    """Records requests that change something.

    Args:
        app: What is asked; behind a door, so that it is known who asks.
        log: Where entries go.
        paths: Beginnings of the paths that are watched.
    """

    def __init__(self, app: ASGIApp, log: AuditLog, paths: tuple[str, ...]) -> None:
        self._app = app
        self._log = log
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        watched = scope["type"] == "http" and scope["path"].startswith(self._paths)
        if not watched or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        watch = _Watch(receive, send)
        action = f"{scope['method']} {scope['path'][:_LONGEST_PATH]}"
        actor, request_id = _actor(scope), scope["state"]["request_id"]
        try:
            asked = await self._log.write("asked", action, actor, request_id=request_id)
        except (SQLAlchemyError, OSError) as error:
            refusal = ApiError(
                503,
                "registry_unavailable",
                "Changes are put on record before they are made, and that is not possible now.",
                headers={"retry-after": "1"},
            )
            refusal.__cause__ = error
            await error_response(refusal, request_id)(scope, receive, send)
            return
        try:
            await self._app(scope, watch.receive, watch.send)
        finally:
            detail: dict[str, Any] = {"asked": asked.entry.number}
            detail |= kept_of(scope["path"], bytes(watch.body), complete=watch.complete)
            # Also if the client is gone: what was done is done.
            await asyncio.shield(
                self._ended(action, actor, request_id, status=watch.status, detail=detail)
            )

    async def _ended(
        self,
        action: str,
        actor: Actor,
        request_id: str,
        *,
        status: int | None,
        detail: dict[str, Any],
    ) -> None:
        """Write how it ended; where that cannot be, the log itself shows that it is not known."""
        try:
            await self._log.write(
                _event(status),
                action,
                actor,
                request_id=request_id,
                status=status,
                detail=detail,
            )
        except (SQLAlchemyError, OSError) as error:
            log.error("how %s (%s) ended is not on record: %s", action, request_id, error)  # noqa: TRY400


class _Watch:
    """Looks at a request's body and its answer's status in passing."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.body = bytearray()
        self.complete = True
        self.status: int | None = None

    async def receive(self) -> Message:
        """Pass a message of the client on."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.body += message.get("body", b"")[: _KEPT_BYTES + 1 - len(self.body)]
            self.complete = len(self.body) <= _KEPT_BYTES
        return message

    async def send(self, message: Message) -> None:
        """Pass a message of ours on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _actor(scope: Scope) -> Actor:
    principal = principal_of(scope)
    client = scope.get("client")
    return Actor(principal.key_id, principal.name, client[0] if client else "")


def _event(status: int | None) -> Event:
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "done"
