"""Where the service is, who asks, and how long to wait: resolved once, when a client is built."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEFAULT_BASE_URL = "http://127.0.0.1:8400"
BASE_URL_VARIABLE = "COE_BASE_URL"
API_KEY_VARIABLE = "COE_API_KEY"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[ -~]*")
_OWN_HEADERS = frozenset({"accept", "authorization", "content-length", "content-type", "host"})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds; ``None`` waits for ever.

    Args:
        connect: For a connection, a free one of the pool included.
        read: For the answer to begin, and between any two pieces of it.
        total: For the whole call: every try, the pauses between them, and a stream to its end.
            No single wait is longer than what is left of it, and it is looked at between any
            two pieces; a service that is slow at every step can overstep it by such a wait.
    """

    connect: float | None = 5.0
    read: float | None = 600.0
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client needs to know before its first request."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeouts: Timeouts
    max_retries: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this machine, where no proxy is to be asked."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def but(
        self,
        *,
        timeout: Timeouts | float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Settings:
        """Return the same settings but for what is given; headers come beside those there are.

        Raises:
            ValueError: ``max_retries`` is negative, or a header cannot be one.
        """
        return resolve(
            self.base_url,
            self.api_key,
            self.timeouts if timeout is None else timeout,
            self.max_retries if max_retries is None else max_retries,
            {**self.headers, **_checked_headers(headers)},
        )


def resolve(
    base_url: str | None,
    api_key: str | None,
    timeouts: Timeouts | float | None,
    max_retries: int,
    headers: Mapping[str, str] | None = None,
) -> Settings:
    """Fill what is not given from the environment, then from the defaults.

    Args:
        base_url: Address of the service. A trailing ``/v1`` is allowed and dropped.
        api_key: ``sk-coe-...``; without one only open endpoints answer.
        timeouts: A number is the time for the whole call.
        max_retries: How often a failed request is tried again.
        headers: That go along with every request.

    Raises:
        ValueError: The address, the key or a header cannot be one, or ``max_retries`` is negative.
    """
    if max_retries < 0:
        raise ValueError("max_retries must not be negative")
    address = base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
    key = api_key or os.environ.get(API_KEY_VARIABLE) or None
    if timeouts is None:
        timeouts = Timeouts()
    elif not isinstance(timeouts, Timeouts):
        timeouts = Timeouts(read=timeouts, total=timeouts)
    return Settings(
        _checked_url(address), _checked_key(key), timeouts, max_retries, _checked_headers(headers)
    )


def _checked_url(address: str) -> str:
    parts = urlsplit(address.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must be an address such as http://127.0.0.1:8400")
    if parts.username is not None or parts.password is not None:
        raise ValueError("base_url must not hold a user or a password: use api_key")
    if parts.query or parts.fragment:
        raise ValueError("base_url must not hold a query or a fragment")
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _checked_key(key: str | None) -> str | None:
    if key is None:
        return None
    key = key.strip()
    if not key or any(not "!" <= character <= "~" for character in key):
        raise ValueError("api_key must be printable ASCII without spaces")
    return key


def _checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers by lower-case name, so that one given later takes the place of one before."""
    checked = {}
    for name, value in (headers or {}).items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(
                f"{name!r} is not a header, or its value holds other than printable ASCII"
            )
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"the header {name!r} is this package's own")
        checked[name.lower()] = value
    return checked


def countdown(total: float | None, clock: Callable[[], float]) -> Callable[[], float | None]:
    """Return a function that tells how many of ``total`` seconds are left, at least 0."""
    if total is None:
        return lambda: None
    end = clock() + total
    return lambda: max(0.0, end - clock())
