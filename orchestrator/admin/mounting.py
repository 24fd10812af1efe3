"""Serves the admin UI under ``/admin`` beside the API; its library is imported when somebody first looks.

The UI knows no service, no table and no setting: it asks the API of this very process over HTTP, as whoever is
signed in. So roles, limits and the audit log hold for it without a line of its own, and the same pages can be
served by a process elsewhere (``coe admin``).
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.admin.signing_in import sign_in_page, static_files

if TYPE_CHECKING:
    from orchestrator.admin.site import Site

PATH = "/admin"
_API = "/admin/api"
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Vue compiles its templates in the browser, for which it needs ``unsafe-eval``; everything comes from here."""
_SIGN_IN = f"{PATH}/login"
_STATIC = f"{PATH}/static/"
_ASSETS = (f"{PATH}/_nicegui/", _STATIC)


log = logging.getLogger(__name__)


class AdminPages:
    """Sends what is asked of ``/admin`` to the UI, and everything else on.

    Args:
        app: Serves everything else.
        address: Returns where the API is listening, once it does.
    """

    def __init__(self, app: ASGIApp, address: Callable[[], str]) -> None:
        self._app = app
        self._address = address
        self._opening = asyncio.Lock()
        self._site: Site | None = None
        self._warming: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "lifespan" or not is_ours(scope["path"]):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and await self._plain(scope, receive, send):
            return
        try:
            site = self._site or await self._opened()
        except Exception:
            log.exception("the admin pages cannot be opened")
            await _away(scope, receive, send)
            return
        if scope["path"] == PATH:
            scope = {**scope, "path": f"{PATH}/", "raw_path": f"{PATH}/".encode()}
        if scope["type"] == "http":
            send = _careful(send, scope["path"])
        await site.app(scope, receive, send)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._warming is not None:
            await self._warming
        if self._site is not None:
            await self._site.close()

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve what needs no library; tell whether that was all."""
        path: str = scope["path"]
        if path == _SIGN_IN:
            if self._warming is None:  # whoever signs in wants the pages next
                self._warming = asyncio.create_task(self._warm())
            await sign_in_page(PATH)(scope, receive, _careful(send, path))
            return True
        if path.startswith(_STATIC):
            inner = {**scope, "root_path": scope.get("root_path", "") + _STATIC.rstrip("/")}
            await static_files()(inner, receive, _careful(send, path))
            return True
        return False

    async def _warm(self) -> None:
        try:
            await self._opened()
        except Exception:
            log.exception("the admin pages cannot be opened")

    async def _opened(self) -> Site:
        async with self._opening:
            if self._site is None:
                # A second and a half of imports, in which requests are served.
                site = await asyncio.to_thread(_imported)
                self._site = await site.open(self._address())
                # As at the service's start: what was imported stays, and need not be looked through.
                gc.freeze()
        return self._site


async def _away(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    text = "The admin pages cannot be opened. Why is in the service's log."
    await PlainTextResponse(text, 503)(scope, receive, _careful(send, scope["path"]))


def is_ours(path: str) -> bool:
    """Tell whether a path is one of the UI's; the API's below ``/admin/api`` are not."""
    beneath = path == PATH or path.startswith(PATH + "/")
    return beneath and not (path == _API or path.startswith(_API + "/"))


def _imported() -> type[Site]:
    from orchestrator.admin.site import Site

    return Site


def _careful(send: Send, path: str) -> Send:
    """Add headers that make browsers careful."""
    fixed = path.startswith(_ASSETS)

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = _POLICY
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "same-origin"
            headers["x-frame-options"] = "DENY"
            headers["cross-origin-resource-policy"] = "same-origin"
            if not fixed:
                headers["cache-control"] = "no-store"
        await send(message)

    return sending
