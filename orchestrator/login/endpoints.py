"""``/login``: sign in at the identity provider, and out; ``/admin/api/me``: who one is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.kit.registry import registry_reached
from orchestrator.login.errors import LoginFailed, ProviderAway
from orchestrator.login.service import ATTEMPT_SECONDS, Login, NoRole
from orchestrator.tenants.access import SESSION_COOKIE, require_role
from orchestrator.tenants.keys import Principal, Role

PATH = "/login"
CALLBACK = "/login/callback"
_ATTEMPT_COOKIE = "coe_login"
_OPEN: dict[str, Any] = {"security": []}
Text = Annotated[str, Query(max_length=4096)]

router = APIRouter(tags=["login"], responses=errors(400, 403, 404, 503))


class Me(BaseModel):
    """Who is asking."""

    id: str = Field(description="Of the key or person.")
    name: str
    tenant: str
    role: Role
    expires_at: datetime | None
    experts: list[str] | None
    policies: list[str] | None


def _login(request: Request) -> Login:
    login: Login | None = request.app.state.services.login
    if login is None:
        raise ApiError(
            404, "login_not_configured", "Nobody can sign in here: set COE_OIDC_ISSUER first."
        )
    return login


SignIn = Annotated[Login, Depends(_login)]
Somebody = Annotated[Principal, Depends(require_role(Role.USER))]


@router.get(PATH, status_code=303, response_class=RedirectResponse, openapi_extra=_OPEN)
async def sign_in(
    login: SignIn,
    back: Annotated[
        str | None, Query(max_length=1000, description="Path to go to afterwards.")
    ] = None,
) -> Response:
    """Send a browser to the identity provider."""
    async with _translated():
        url, kept = await login.ask(back)
    response = RedirectResponse(url, 303)
    _keep(response, login, _ATTEMPT_COOKIE, kept, ATTEMPT_SECONDS, path=PATH)
    return response


@router.get(CALLBACK, status_code=303, response_class=RedirectResponse, openapi_extra=_OPEN)
async def come_back(
    request: Request,
    login: SignIn,
    code: Text = "",
    state: Text = "",
    error: Text = "",
) -> Response:
    """Begin a session for whoever comes back from the identity provider."""
    if error or not code:
        raise ApiError(400, "login_failed", "The identity provider signed nobody in. Try again.")
    async with _translated():
        signed_in = await login.answer(
            code,
            state,
            request.cookies.get(_ATTEMPT_COOKIE, ""),
            address=request.client.host if request.client else "",
            request_id=request.state.request_id,
        )
    response = RedirectResponse(signed_in.back, 303)
    seconds = int(login.sessions.lifetime.total_seconds())
    _keep(response, login, SESSION_COOKIE, signed_in.secret, seconds, path="/")
    response.delete_cookie(_ATTEMPT_COOKIE, path=PATH)
    return response


@router.post("/logout", status_code=204, responses=errors(401))
async def sign_out(request: Request, principal: Somebody, login: SignIn) -> Response:
    """End the session of the browser that asks."""
    secret = request.cookies.get(SESSION_COOKIE)
    if secret is None:
        raise ApiError(400, "invalid_request", "There is no session to end: a key was sent.")
    async with _translated():
        await login.leave(
            secret,
            principal,
            address=request.client.host if request.client else "",
            request_id=request.state.request_id,
        )
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.get("/admin/api/me", responses=errors(401))
async def me(principal: Somebody) -> Me:
    """Tell who is asking, by key or session."""
    return Me(
        id=principal.key_id,
        name=principal.name,
        tenant=principal.tenant,
        role=principal.role,
        expires_at=principal.expires_at,
        experts=None if principal.experts is None else sorted(principal.experts),
        policies=None if principal.policies is None else sorted(principal.policies),
    )


def _keep(
    response: Response, login: Login, name: str, value: str, seconds: int, *, path: str
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        httponly=True,
        secure=login.client.redirect.startswith("https://"),
        # Lax: the way back from the provider is a navigation from another site.
        samesite="lax",
    )


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        with registry_reached():
            yield
    except LoginFailed as error:
        message = f"Nobody was signed in: {error}. Begin anew at {PATH}."
        raise ApiError(400, "login_failed", message) from error
    except NoRole as error:
        message = f"{error} is known, but has no role here. Whoever runs the service gives roles."
        raise ApiError(403, "login_no_role", message) from error
    except ProviderAway as error:
        raise ApiError(503, "login_unavailable", f"Nobody can sign in now: {error}.") from error
