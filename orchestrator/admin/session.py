"""Who is looking: the browser's session, and the API as that person or key sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from starlette.requests import Request

from coe_client import AsyncCoe, AuthenticationError, PermissionDeniedError
from coe_client.types import Me
from orchestrator.admin.elsewhere import forwarded_for
from orchestrator.admin.signing_in import SESSION_COOKIE

ZONE_COOKIE = "coe_zone"
THEME_COOKIE = "coe_theme"
_RANKS = {"user": 0, "viewer": 1, "editor": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class View:
    """What a page is given.

    Args:
        client: The API, asked as whoever looks.
        me: Who that is.
        zone: Time zone of the browser.
        query: Parameters of the page's address.
        path: Values in the page's path.
        theme: ``light``, ``dark`` or ``auto``.
        address: Where the browser sees the service, for examples to copy.
    """

    client: AsyncCoe
    me: Me
    zone: tzinfo = UTC
    query: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)
    theme: str = "auto"
    address: str = ""

    def may(self, role: str) -> bool:
        """Tell whether whoever looks has at least a role."""
        return _RANKS.get(self.me.role, -1) >= _RANKS[role]


class Door:
    """Finds out who is looking.

    Args:
        api: Address of the API.
        http: Connections to it, which all pages share.
        proof: Headers by which the API believes for whom it is asked.
    """

    def __init__(
        self, api: str, http: httpx.AsyncClient, proof: Mapping[str, str] | None = None
    ) -> None:
        self._api = api
        self._http = http
        self._proof = dict(proof or {})

    def _client(self, secret: str, request: Request) -> AsyncCoe:
        """Return the API as the bearer of a session's secret sees it, from where they are."""
        headers = self._proof | forwarded_for(request)
        return AsyncCoe(base_url=self._api, api_key=secret, http_client=self._http, headers=headers)

    async def view(self, request: Request) -> View | None:
        """Return what a page is given, ``None`` if nobody is signed in.

        Raises:
            CoeError: If the API cannot tell.
        """
        secret = request.cookies.get(SESSION_COOKIE)
        if not secret:
            return None
        client = self._client(secret, request)
        try:
            me = await client.me()
        except (AuthenticationError, PermissionDeniedError):
            return None
        return View(
            client=client,
            me=me,
            zone=zone_of(request.cookies.get(ZONE_COOKIE, "")),
            query=dict(request.query_params),
            path={name: str(value) for name, value in request.path_params.items()},
            theme=theme_of(request),
            address=seen_at(request),
        )


def seen_at(request: Request) -> str:
    """Return where the browser sees the service: a proxy in front may have https, where this has not."""
    scheme = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    url = request.base_url.replace(scheme="https") if scheme == "https" else request.base_url
    return str(url).removesuffix("/").removesuffix("/admin")


def theme_of(request: Request) -> str:
    """Return the theme that was chosen in this browser."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in {"light", "dark"} else "auto"


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name; one that is unknown here is UTC."""
    try:
        return ZoneInfo(unquote(name)) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
