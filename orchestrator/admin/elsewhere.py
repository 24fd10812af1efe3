"""Beside pages that are served on their own: signing in, which the service does, passed on to it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

_PATHS = ("/login", "/login/callback", "/login/key", "/login/ways", "/login/logout")
_SENT = ("content-type", "cookie", "origin", "sec-fetch-site", "user-agent", "x-forwarded-proto")
_RETURNED = ("content-type", "location", "set-cookie", "retry-after", "cache-control")
_MOST_BYTES = 16_384


def forwarded_for(request: Request) -> dict[str, str]:
    """Return the header that says whom something is asked for, to whoever trusts this process."""
    return {"x-forwarded-for": request.client.host} if request.client else {}


class SignsInElsewhere:
    """Answers what the sign-in page asks for, and nothing else.

    Args:
        url: Where the service is.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=10.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.path not in _PATHS:
            return PlainTextResponse("Only the admin pages are served here: /admin", 404)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST_BYTES:
                return PlainTextResponse("Too large.", 413)
        headers = {name: request.headers[name] for name in _SENT if name in request.headers}
        try:
            answer = await self._http.request(
                request.method,
                request.url.path,
                params=request.url.query,
                content=body,
                headers=headers | forwarded_for(request),
            )
        except httpx.HTTPError:
            told = {"error": {"message": "The service cannot be reached.", "code": "unreachable"}}
            return JSONResponse(told, 502)
        response = Response(answer.content, answer.status_code)
        for name in _RETURNED:
            for value in answer.headers.get_list(name):
                response.headers.append(name, value)
        return response
