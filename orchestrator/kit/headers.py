"""Headers that make browsers careful with answers, and that let pages elsewhere read them (CORS)."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Scope

from orchestrator.kit.origins import split_origins

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_DOCS = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
    " connect-src 'self'; script-src 'unsafe-inline' https://cdn.jsdelivr.net;"
    " style-src 'unsafe-inline' https://cdn.jsdelivr.net;"
    " img-src 'self' data: https://fastapi.tiangolo.com"
)
"""What FastAPI's page needs: Swagger UI from its network, begun by a script in the page."""
_ENCRYPTED = "max-age=31536000"


def secure(message: Message, scope: Scope) -> None:
    """Add to the start of an answer what it has not set itself.

    Args:
        message: ``http.response.start``.
        scope: Of the request.
    """
    headers = MutableHeaders(scope=message)
    for name, value in _FIXED.items():
        headers.setdefault(name, value)
    docs = scope["path"] == "/docs"
    headers.setdefault("content-security-policy", _DOCS if docs else _NOTHING)
    # Answers are somebody's own: nothing on the way shall keep them.
    headers.setdefault("cache-control", "no-store")
    if scope.get("scheme") == "https" or _forwarded_as_https(scope):
        # Browsers heed it only where it came encrypted (RFC 6797, 8.1), so a lie does no harm.
        headers.setdefault("strict-transport-security", _ENCRYPTED)


def with_cors(app: ASGIApp, origins: str) -> ASGIApp:
    """Let pages of these origins use the API, with keys they send themselves, never with cookies.

    Preflights are answered here, before anybody is asked for a key.

    Args:
        app: The application.
        origins: Exact origins with commas between; empty: nothing is added.
    """
    allowed = split_origins(origins)
    if not allowed:
        return app
    return CORSMiddleware(
        app,
        allow_origins=allowed,
        allow_methods=_METHODS,
        allow_headers=("*",),  # clients send dozens of their own; none of them carries a cookie
        expose_headers=("*",),
        allow_credentials=False,
    )


def _forwarded_as_https(scope: Scope) -> bool:
    return Headers(scope=scope).get("x-forwarded-proto") == "https"
