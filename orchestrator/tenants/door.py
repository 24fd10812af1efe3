"""Keeps strangers out before anything they send is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import error_response
from orchestrator.tenants.access import authenticate
from orchestrator.tenants.keys import Principal

if TYPE_CHECKING:
    from orchestrator.tenants.service import KeyRing


_PRINCIPAL = "principal"


def principal_of(scope: Scope) -> Principal:
    """Return who asks; only behind a door, which has let somebody in."""
    principal: Principal = scope["state"][_PRINCIPAL]
    return principal


class Door:
    """Refuses requests under some paths without a valid key; what the key may do is asked later.

    FastAPI reads and parses a body before its dependencies run, so a check there comes too late.

    Args:
        app: What lies behind the door.
        keys: Known keys.
        paths: Beginnings of the paths that are guarded.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, paths: tuple[str, ...]) -> None:
        self._app = app
        self._keys = keys
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(self._paths):
            try:
                scope["state"][_PRINCIPAL] = await authenticate(HTTPConnection(scope), self._keys)
            except ApiError as error:
                await error_response(error, scope["state"]["request_id"])(scope, receive, send)
                return
        await self._app(scope, receive, send)
