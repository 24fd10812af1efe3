"""``/login``: sign in with a key or at the identity provider, and out; ``/admin/api/me``: who one is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.login import provider_endpoints, session_endpoints
from orchestrator.login.answers import (
    OPEN,
    PATH,
    SignIn,
    caller_of,
    keep_session,
    translated,
)
from orchestrator.tenants.access import SESSION_COOKIE, from_our_page, key_in, require_role
from orchestrator.tenants.keys import SESSION_PREFIX, Principal, Role

_MOST_CHARACTERS = 256

router = APIRouter(tags=["login"], responses=errors(400, 503))
Somebody = Annotated[Principal, Depends(require_role(Role.USER))]


class KeyEntered(BaseModel):
    """A key to sign in with."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: str = Field(min_length=1, max_length=_MOST_CHARACTERS, description="An API key.")


class Way(BaseModel):
    """An identity provider that people sign in at."""

    name: str = Field(description="What people call it.")


class Ways(BaseModel):
    """How one can sign in here."""

    key: bool = Field(description="With an API key.")
    oidc: Way | None = Field(description="At an identity provider, which begins at `/login`.")


class Me(BaseModel):
    """Who is asking."""

    id: str = Field(description="Of the key or person.")
    name: str
    tenant: str
    role: Role
    expires_at: datetime | None
    experts: list[str] | None
    policies: list[str] | None
    session_id: str | None = Field(description="Null: the key itself was sent.")


@router.get(f"{PATH}/ways", openapi_extra=OPEN)
async def ways(login: SignIn) -> Ways:
    """Tell how one can sign in."""
    provider = login.by_provider
    return Ways(key=True, oidc=None if provider is None else Way(name=provider.name))


@router.post(f"{PATH}/key", status_code=204, openapi_extra=OPEN, responses=errors(401, 403, 429))
async def sign_in_with_key(request: Request, login: SignIn, entered: KeyEntered) -> Response:
    """Begin a session of a key: the answer sets its cookie.

    It may do what the key may, and ends with it, after `COE_SESSION_SECONDS` or at sign-out.
    """
    told = "sec-fetch-site" in request.headers or "origin" in request.headers
    if told and not from_our_page(request):
        # Else it could sign a browser in as somebody else, whose doings its owner takes for their own.
        raise ApiError(403, "foreign_page", "Only a page of this service may sign a browser in.")
    async with translated():
        begun = await login.by_key.sign_in(entered.key, caller_of(request))
    response = Response(status_code=204)
    keep_session(response, request, login, begun)
    return response


@router.post(f"{PATH}/logout", status_code=204, responses=errors(401))
async def sign_out(request: Request, login: SignIn) -> Response:
    """End the session that the request is made in, by its cookie or as a bearer token."""
    secret = key_in(request)
    if secret is None:
        raise ApiError(401, "missing_api_key", "There is no session to end.")
    if not secret.startswith(SESSION_PREFIX):
        raise ApiError(400, "invalid_request", "There is no session to end: a key was sent.")
    async with translated():
        await login.leave(secret, caller_of(request))
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.get("/admin/api/me", responses=errors(401, 403))
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
        session_id=principal.session,
    )


router.include_router(provider_endpoints.router)
router.include_router(session_endpoints.router)
