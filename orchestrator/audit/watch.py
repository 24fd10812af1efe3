"""Puts every change that is asked for over HTTP on record, before it is done and after.

The entry before makes the log complete: a change whose entry cannot be written is not made. One
without an entry after it was cut short, and may or may not have been done.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.audit.chain import Event
from orchestrator.audit.differing import differing
from orchestrator.audit.log import Actor, AuditLog
from orchestrator.audit.redaction import kept_of, shown
from orchestrator.audit.states import State, States
from orchestrator.audit.targets import place_of_new, short
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import error_response
from orchestrator.tenants.door import principal_of

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_KEPT_BYTES = 16 * 1024
_ANSWER_BYTES = 64 * 1024
_LONGEST_PATH = 300

log = logging.getLogger(__name__)


class Audited:
    """Records requests that change something.

    Args:
        app: What is asked; behind a door, so that it is known who asks.
        log: Where entries go.
        paths: Beginnings of the paths that are watched.
        states: Reads what is changed, before and after.
    """

    def __init__(self, app: ASGIApp, log: AuditLog, paths: tuple[str, ...], states: States) -> None:
        self._app = app
        self._log = log
        self._paths = paths
        self._states = states

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        watched = scope["type"] == "http" and scope["path"].startswith(self._paths)
        if not watched or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        change = _Change(
            f"{scope['method']} {scope['path'][:_LONGEST_PATH]}",
            _actor(scope),
            scope["state"]["request_id"],
            dict(scope),
            {"tenant": principal_of(scope).tenant},
        )
        watch = _Watch(receive, send)
        try:
            asked = await self._log.write(
                "asked",
                change.action,
                change.actor,
                request_id=change.request_id,
                detail=change.detail,
            )
        except (SQLAlchemyError, OSError) as error:
            refusal = ApiError(
                503,
                "registry_unavailable",
                "Changes are put on record before they are made, and that is not possible now.",
                headers={"retry-after": "1"},
            )
            refusal.__cause__ = error
            await error_response(refusal, change.request_id)(scope, receive, send)
            return
        change.detail["asked"] = asked.entry.number
        thing = self._states.changed_by(scope["method"], scope["path"])
        before = None if thing is None else await self._states.read(change.scope, thing)
        try:
            await self._app(scope, watch.receive, watch.send)
        finally:
            path, body = change.scope["path"], bytes(watch.body)
            change.detail.update(kept_of(path, body, complete=watch.complete))
            # Also if the client is gone: what was done is done.
            await asyncio.shield(self._ended(change, watch, thing, before))

    async def _ended(
        self, change: _Change, watch: _Watch, thing: str | None, before: State | None
    ) -> None:
        """Write how it ended; where that cannot be, the log itself shows that it is not known."""
        event = _event(watch.status)
        if event == "done":
            change.detail.update(await self._changed(change, watch, thing, before))
        try:
            await self._log.write(
                event,
                change.action,
                change.actor,
                request_id=change.request_id,
                status=watch.status,
                detail=change.detail,
            )
        except (SQLAlchemyError, OSError) as error:
            what = f"{change.action} ({change.request_id})"
            log.error("how %s ended is not on record: %s", what, error)  # noqa: TRY400

    async def _changed(
        self, change: _Change, watch: _Watch, thing: str | None, before: State | None
    ) -> dict[str, Any]:
        """Return what is different now, as far as that can be told."""
        found: dict[str, Any] = {}
        if thing is None and change.scope["method"] == "POST":
            made = place_of_new(change.scope["path"], bytes(watch.answer))
            if made is not None and self._states.is_thing(made):
                thing, before = made, State(None)
                found["target"] = short(made)
        after = None if thing is None else await self._states.read(change.scope, thing)
        if before is not None and after is not None and before.value != after.value:
            old, new = differing(before.value, after.value)
            if old or new:
                found |= {"before": shown(old), "after": shown(new)}
        return found


@dataclass(frozen=True, slots=True)
class _Change:
    """A request that changes something.

    Args:
        action: Method and path.
        actor: Who asks.
        request_id: Its id.
        scope: Its scope, before it was routed.
        detail: What is put on record of it.
    """

    action: str
    actor: Actor
    request_id: str
    scope: Scope
    detail: dict[str, Any]


class _Watch:
    """Looks at a request's body, and its answer's status and beginning, in passing."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.body = bytearray()
        self.complete = True
        self.status: int | None = None
        self.answer = bytearray()

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
        else:
            self.answer += message.get("body", b"")[: _ANSWER_BYTES - len(self.answer)]
        await self._send(message)


def _actor(scope: Scope) -> Actor:
    principal = principal_of(scope)
    client = scope.get("client")
    return Actor(principal.key_id, principal.name, client[0] if client else "")


def _event(status: int | None) -> Event:
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "done"
