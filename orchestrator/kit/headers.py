"""Headers that make browsers careful with answers, and that let pages elsewhere read them (CORS)."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Scope

from orchestrator.kit.origins import split_origins

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_FIXED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),  # answers are somebody's own: nothing on the way keeps them
)
_POLICY = b"content-security-policy"
_NAMES = frozenset((*(name for name, _ in _FIXED), _POLICY))
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
_DOCS = (
    b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
    b" connect-src 'self'; script-src 'unsafe-inline' https://cdn.jsdelivr.net;"
    b" style-src 'unsafe-inline' https://cdn.jsdelivr.net;"
    b" img-src 'self' data: https://fastapi.tiangolo.com"
)
"""What FastAPI's page needs: Swagger UI from its network, begun by a script in the page."""
_USUAL = (*_FIXED, (_POLICY, _NOTHING))
_ENCRYPTED = (b"strict-transport-security", b"max-age=31536000")
_FORWARDED = (b"x-forwarded-proto", b"https")


def secure(message: Message, scope: Scope) -> None:
    """Add to the start of an answer what it has not set itself.

    Args:
        message: ``http.response.start``.
        scope: Of the request.
    """
    headers = list(message.get("headers", ()))
    there = _NAMES.intersection([name for name, _ in headers])
    more = (*_FIXED, (_POLICY, _DOCS)) if scope["path"] == "/docs" else _USUAL
    headers += [header for header in more if header[0] not in there] if there else more
    if scope.get("scheme") == "https" or _FORWARDED in map(tuple, scope["headers"]):
        # Browsers heed it only where it came encrypted (RFC 6797, 8.1), so a lie does no harm.
        headers.append(_ENCRYPTED)
    message["headers"] = headers


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
