"""From a request to the principal behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection, Request

from orchestrator.kit import logs_context
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import KEY_PREFIX, SESSION_PREFIX, Principal, Role
from orchestrator.tenants.service import KeyRing

SESSION_COOKIE = "coe_session"
_MAX_KEY_LENGTH = 256
_PREFIXES = (KEY_PREFIX, SESSION_PREFIX)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def key_in(connection: HTTPConnection) -> str | None:
    """Return the key a request carries: a bearer token, in ``x-api-key``, or a session's cookie.

    Browsers send cookies along whoever made them ask, so one that comes with a change counts only
    if the browser says that a page of ours asked.
    """
    authorization = connection.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    key = connection.headers.get("x-api-key")
    if key:
        return key
    session = connection.cookies.get(SESSION_COOKIE)
    reading = connection.scope.get("method") in _READING
    return session if session and (reading or from_our_page(connection)) else None


def from_our_page(connection: HTTPConnection) -> bool:
    """Tell whether a browser says that a page of this service made a request."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(connection.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == connection.headers.get("host")


async def authenticate(connection: HTTPConnection, keys: KeyRing) -> Principal:
    """Return who is asking.

    Raises:
        ApiError: 401 if there is no key or it is not one of ours.
    """
    key = key_in(connection)
    if key is None:
        raise ApiError(
            401,
            "missing_api_key",
            "No API key was given. Send it as 'Authorization: Bearer sk-coe-...'.",
            headers={"www-authenticate": "Bearer"},
        )
    principal = await recognised(keys, key)
    if principal is None:
        raise ApiError(
            401,
            "invalid_api_key",
            "This API key is unknown, revoked or expired.",
            headers={"www-authenticate": "Bearer"},
        )
    logs_context.note_tenant(principal.tenant)
    return principal


async def recognised(keys: KeyRing, key: str) -> Principal | None:
    """Return whose key or session this is, ``None`` if it is none that works.

    Raises:
        ApiError: 503 if it is not known here and the registry cannot be asked.
    """
    principal = keys.find(key)
    if principal is not None or not key.startswith(_PREFIXES) or len(key) > _MAX_KEY_LENGTH:
        return principal
    try:
        return await keys.find_fresh(key)
    except (SQLAlchemyError, OSError) as error:
        raise ApiError(
            503,
            "registry_unavailable",
            "The key is not known here and the registry cannot be asked right now.",
            headers={"retry-after": "1"},
        ) from error


def check_policy(principal: Principal, policy: str, param: str = "model") -> None:
    """Refuse a policy that a key may not ask for.

    Args:
        principal: Who asks.
        policy: What for.
        param: The field that names it.

    Raises:
        ApiError: 403.
    """
    if not principal.may_ask_for(policy):
        allowed = ", ".join(sorted(principal.policies or ())) or "none"
        raise ApiError(
            403,
            "policy_not_allowed",
            f"This key may not use the policy '{policy}'; it may use: {allowed}.",
            param=param,
        )


def require_role(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """Return a FastAPI dependency that lets only keys with (at least) a role through.

    The dependency raises :class:`ApiError` 401 without a key and 403 with too small a role.
    """

    async def dependency(request: Request) -> Principal:
        principal = await authenticate(request, request.app.state.services.keys)
        if not principal.role.includes(role):
            raise ApiError(
                403,
                "insufficient_role",
                f"This needs a key with role '{role}'; yours has '{principal.role}'.",
            )
        return principal

    return dependency
