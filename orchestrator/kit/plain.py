"""The shortest way to what is asked most: by method and path to a function, and nothing in between."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST, bug_response, error_response

Endpoint = Callable[[Request], Awaitable[ASGIApp]]

log = logging.getLogger(__name__)


class PlainRoutes:
    """Serves routes whose path is fixed, and leaves everything else to an application.

    An application of FastAPI puts eight layers around each of its routes, and Starlette tries one route after
    the other; together they take longer than finding an expert. These routes need none of it.

    Args:
        others: Serves everything else; it knows the routes too, for their other methods.
        app: What requests are told they are served by.
        routes: The routes; those with parameters in their paths are left to the others.
    """

    def __init__(self, others: ASGIApp, app: Starlette, routes: Iterable[Route]) -> None:
        self._others = others
        self._app = app
        self._endpoints: dict[tuple[str, str], Endpoint] = {
            (method, route.path): route.endpoint
            for route in routes
            if not route.param_convertors
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = None
        if scope["type"] == "http":
            endpoint = self._endpoints.get((scope["method"], scope["path"]))
        if endpoint is None:
            await self._others(scope, receive, send)
            return
        scope["app"] = self._app
        await _serve(endpoint, scope, receive, send)


async def _serve(endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
    begun = False

    async def sending(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    request_id = scope["state"]["request_id"]
    try:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, sending)
    except ClientDisconnect:
        if not begun:
            await Response(status_code=CLIENT_CLOSED_REQUEST)(scope, receive, send)
    except ApiError as error:
        if begun:
            raise
        await error_response(error, request_id)(scope, receive, send)
    except Exception as error:
        if begun:
            raise
        await bug_response(error, request_id)(scope, receive, send)
