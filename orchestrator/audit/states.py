"""The state of what a request changes, before and after, as the API itself shows it to whoever asks."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Message, Scope

_MOST_BYTES = 256 * 1024
_MOST_SECONDS = 2.0
_OF_BODIES = frozenset(
    {b"content-length", b"content-type", b"content-encoding", b"transfer-encoding"}
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """What a thing was at a moment.

    Args:
        value: As JSON; ``None``: it was not there.
    """

    value: Any


class States:
    """Reads things by the API's own ``GET``, with the rights of whoever changes them.

    So nothing is shown in the log that they could not have seen. The two reads and the change are not one
    transaction: what somebody else changed in between shows as well.

    Args:
        app: The API.
        routes: Its routes.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    def changed_by(self, method: str, path: str) -> str | None:
        """Return the path of the one thing that a request changes, ``None`` if there is no such path."""
        if method != "POST":
            return path if self.is_thing(path) else None
        above = path.rpartition("/")[0]  # as in /keys/{key_id}/rotate
        return above if self.is_thing(above) else None

    async def read(self, scope: Scope, path: str) -> State | None:
        """Return the state of a thing, ``None`` if it cannot be told.

        Args:
            scope: Of the request that changes it, before it was routed.
            path: Of the thing.
        """
        if not self.is_thing(path):
            return None
        answer = _Answer()
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                await self._app(_asking(scope, path), _Listener().receive, answer.send)
        except Exception:
            # Whatever it is: the change itself must not fail of it.
            log.exception("the state of %s is not on record", path)
            return None
        return answer.state()

    def is_thing(self, path: str) -> bool:
        """Tell whether a path leads to one thing that can be read."""
        return any(pattern.match(path) for pattern in self._things)

    @cached_property
    def _things(self) -> tuple[re.Pattern[str], ...]:
        """Paths that end with a parameter and can be read."""
        found = iter_route_contexts(self._routes)
        paths = [one.path for one in found if one.path and "GET" in (one.methods or ())]
        return tuple(compile_path(path)[0] for path in paths if path.endswith("}"))


class _Answer:
    """An answer, kept unless it is large."""

    def __init__(self) -> None:
        self._status = 0
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        else:
            self._body += message.get("body", b"")[: _MOST_BYTES + 1 - len(self._body)]

    def state(self) -> State | None:
        if self._status == HTTPStatus.NOT_FOUND:
            return State(None)
        if self._status != HTTPStatus.OK or len(self._body) > _MOST_BYTES:
            return None
        try:
            return State(json.loads(self._body))
        except (ValueError, RecursionError):
            return None


class _Listener:
    """Whoever asks: sends nothing, and stays until the answer is whole."""

    def __init__(self) -> None:
        self._asked = False

    async def receive(self) -> Message:
        if self._asked:
            # An answer in pieces listens for a caller who goes away, and must be able to wait for that.
            await asyncio.Event().wait()
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _asking(scope: Scope, path: str) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name not in _OF_BODIES]
    return {
        **scope,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "state": dict(scope["state"]),
    }
