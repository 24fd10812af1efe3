"""``/login``: to the identity provider and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.login.answers import (
    OPEN,
    PATH,
    SignIn,
    caller_of,
    keep,
    keep_session,
    translated,
)
from orchestrator.login.attempt import local_path
from orchestrator.login.by_provider import ATTEMPT_SECONDS, ProviderLogin
from orchestrator.login.refusing import sign_in_page_after

_ATTEMPT_COOKIE = "coe_login"
Text = Annotated[str, Query(max_length=4096)]

router = APIRouter(responses=errors(403, 404))


def _provider(login: SignIn) -> ProviderLogin:
    if login.by_provider is None:
        raise ApiError(
            404, "login_not_configured", "There is no identity provider: set COE_OIDC_ISSUER first."
        )
    return login.by_provider


AtProvider = Annotated[ProviderLogin, Depends(_provider)]


@router.get(PATH, status_code=303, response_class=RedirectResponse, openapi_extra=OPEN)
async def sign_in(
    request: Request,
    login: SignIn,
    provider: AtProvider,
    back: Annotated[
        str | None, Query(max_length=1000, description="Path to go to afterwards.")
    ] = None,
) -> Response:
    """Send a browser to the identity provider."""
    try:
        async with translated():
            url, kept = await provider.ask(back)
    except ApiError as error:
        page = sign_in_page_after(error, request, local_path(back))
        if page is None:
            raise
        return page
    response = RedirectResponse(url, 303)
    keep(response, request, login, _ATTEMPT_COOKIE, kept, ATTEMPT_SECONDS, path=PATH)
    return response


@router.get(
    f"{PATH}/callback", status_code=303, response_class=RedirectResponse, openapi_extra=OPEN
)
async def come_back(
    request: Request,
    login: SignIn,
    provider: AtProvider,
    code: Text = "",
    state: Text = "",
    error: Text = "",
) -> Response:
    """Begin a session for whoever comes back from the identity provider."""
    kept = request.cookies.get(_ATTEMPT_COOKIE, "")
    try:
        _check_answer(code, error)
        async with translated():
            signed_in = await provider.answer(code, state, kept, caller_of(request))
    except ApiError as refusal:
        page = sign_in_page_after(refusal, request, provider.way_back(kept))
        if page is None:
            raise
        page.delete_cookie(_ATTEMPT_COOKIE, path=PATH)
        return page
    response = RedirectResponse(signed_in.back, 303)
    keep_session(response, request, login, signed_in.session)
    response.delete_cookie(_ATTEMPT_COOKIE, path=PATH)
    return response


def _check_answer(code: str, error: str) -> None:
    if error or not code:
        raise ApiError(400, "login_failed", "The identity provider signed nobody in. Try again.")
