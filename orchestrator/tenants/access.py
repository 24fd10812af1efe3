"""From a request to the principal behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection, Request

from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import KEY_PREFIX, Principal, Role
from orchestrator.tenants.service import KeyRing

_MAX_KEY_LENGTH = 256


def key_in(connection: HTTPConnection) -> str | None:
    """Return the key a request carries, as a bearer token or in ``x-api-key``."""
    authorization = connection.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return connection.headers.get("x-api-key") or None


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
    principal = keys.find(key)
    if principal is None and key.startswith(KEY_PREFIX) and len(key) <= _MAX_KEY_LENGTH:
        principal = await _find_fresh(keys, key)
    if principal is None:
        raise ApiError(
            401,
            "invalid_api_key",
            "This API key is unknown, revoked or expired.",
            headers={"www-authenticate": "Bearer"},
        )
    return principal


async def _find_fresh(keys: KeyRing, key: str) -> Principal | None:
    try:
        return await keys.find_fresh(key)
    except (SQLAlchemyError, OSError) as error:
        raise ApiError(
            503,
            "registry_unavailable",
            "The key is not known here and the registry cannot be asked right now.",
            headers={"retry-after": "1"},
        ) from error


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
