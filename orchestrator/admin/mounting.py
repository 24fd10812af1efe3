"""Serves the admin UI under ``/admin`` beside the API; its library is imported when somebody first looks.

The UI knows no service, no table and no setting: it asks the API of this very process over HTTP, as whoever is
signed in. So roles, limits and the audit log hold for it without a line of its own, and the same pages can be
served by a process elsewhere (``coe admin``).
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.admin.signing_in import (
    SESSION_COOKIE,
    opening_page,
    sign_in_page,
    sign_in_path,
    static_files,
)

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
_OPENED = f"{PATH}/opened"
_LIBRARYS = f"{PATH}/_nicegui"
_ASSETS = (f"{_LIBRARYS}/", _STATIC)


log = logging.getLogger(__name__)


class AdminPages:
    """Sends what is asked of ``/admin`` to the UI, and everything else on.

    Args:
        app: Serves everything else.
        address: Returns where the API is listening, once it does.
        proof: Headers by which the API believes for whom it is asked; ``None``: it knows this process.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: Callable[[], str],
        proof: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._address = address
        self._proof = proof
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
        if path.startswith(_STATIC):
            scope = {**scope, "root_path": scope.get("root_path", "") + _STATIC.rstrip("/")}
            answer: ASGIApp | None = static_files()
        elif path.startswith(_LIBRARYS):
            return False
        else:
            answer = await self._without_library(Request(scope))
        if answer is not None:
            await answer(scope, receive, _careful(send, path))
        return answer is not None

    async def _without_library(self, request: Request) -> Response | None:
        path = request.url.path
        if path == _OPENED:
            await self._begun()
            return Response(status_code=503 if self._site is None else 204)
        if path == _SIGN_IN:
            self._begun()  # whoever signs in wants the pages next
            return sign_in_page(PATH)
        if SESSION_COOKIE not in request.cookies:
            here = path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(sign_in_path(here), 303)
        if self._site is None and "text/html" in request.headers.get("accept", ""):
            self._begun()
            return opening_page(PATH)
        return None

    def _begun(self) -> asyncio.Task[None]:
        """Begin to open the pages, unless they are being opened or are open."""
        if self._warming is None or (self._warming.done() and self._site is None):
            self._warming = asyncio.create_task(self._warm())
        return self._warming

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
                self._site = await site.open(self._address(), self._proof)
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
    # What is imported stays. Looking through it while it comes takes a third of the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        from orchestrator.admin.site import Site
    finally:
        if was_on:
            gc.enable()
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
