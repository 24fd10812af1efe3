"""What the endpoints for signing in have in common: who calls, cookies, and errors in the API's shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from orchestrator.kit.errors import ApiError
from orchestrator.kit.registry import registry_reached
from orchestrator.login.errors import LoginFailed, NoRole, NoSuchKey, ProviderAway
from orchestrator.login.service import Login
from orchestrator.login.sessions import Begun, Caller
from orchestrator.tenants.access import SESSION_COOKIE

PATH = "/login"
OPEN: dict[str, Any] = {"security": []}
"""Marks an operation that needs no key."""


def _login(request: Request) -> Login:
    login: Login = request.app.state.services.login
    return login


SignIn = Annotated[Login, Depends(_login)]


def caller_of(request: Request) -> Caller:
    """Return where a request came from."""
    return Caller(
        address=request.client.host if request.client else "",
        agent=request.headers.get("user-agent", ""),
        request_id=request.state.request_id,
    )


def keep_session(response: Response, request: Request, login: Login, begun: Begun) -> None:
    """Give a browser the secret of its session."""
    seconds = max(1, int(begun.lifetime.total_seconds()))
    keep(response, request, login, SESSION_COOKIE, begun.secret, seconds, path="/")


def keep(
    response: Response,
    request: Request,
    login: Login,
    name: str,
    value: str,
    seconds: int,
    *,
    path: str,
) -> None:
    """Give a browser a cookie that pages cannot read, for https alone if that is what it came by."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        httponly=True,
        secure=login.encrypted or came_encrypted(request),
        # Lax: the way back from the provider is a navigation from another site.
        samesite="lax",
    )


def came_encrypted(request: Request) -> bool:
    """Tell whether a request came by https, here or at a proxy before this service.

    Whoever lies about it gets a cookie that their own browser does not send.
    """
    if request.url.scheme == "https":
        return True
    said = request.headers.get("x-forwarded-proto", "").split(",")[0]
    first = request.headers.get("forwarded", "").split(",")[0].lower().replace('"', "")
    parts = {part.strip() for part in first.split(";")}
    return said.strip().lower() == "https" or "proto=https" in parts


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn what can go wrong while somebody signs in into errors of the API.

    Raises:
        ApiError: 400, 401, 403 or 503.
    """
    try:
        with registry_reached():
            yield
    except NoSuchKey as error:
        raise ApiError(
            401, "invalid_api_key", "This API key is unknown, revoked or expired.", param="key"
        ) from error
    except LoginFailed as error:
        message = f"Nobody was signed in: {error}. Begin anew at {PATH}."
        raise ApiError(400, "login_failed", message) from error
    except NoRole as error:
        message = f"{error} is known, but has no role here. Whoever runs the service gives roles."
        raise ApiError(403, "login_no_role", message) from error
    except ProviderAway as error:
        raise ApiError(503, "login_unavailable", f"Nobody can sign in now: {error}.") from error
