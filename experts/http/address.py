"""Where a request goes, read from a URL once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

from experts.http.errors import WrongAddress

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """A server (RFC 9110, 4.3.1).

    Args:
        host: Its name or address.
        port: Where it listens.
        encrypted: Whether it speaks TLS.
    """

    host: str
    port: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Address:
    """A resource of a server.

    Args:
        origin: The server.
        head: The first lines of a ``POST`` to it.
    """

    origin: Origin
    head: str


@lru_cache(maxsize=1024)
def address_of(url: str) -> Address:
    """Read a URL.

    Raises:
        WrongAddress: If nothing can be sent there.
    """
    try:
        read = URL(url)
        host, port = read.raw_host, read.port
    except ValueError as error:
        raise WrongAddress("this is no URL") from error
    if read.scheme not in _PORTS or not host or not port:
        raise WrongAddress("this is no URL of a web server")
    named = f"[{host}]" if ":" in host else host
    authority = named if port == _PORTS[read.scheme] else f"{named}:{port}"
    lines = [f"POST {read.raw_path_qs} HTTP/1.1", f"host: {authority}"]
    if read.user is not None:
        known = base64.b64encode(f"{read.user}:{read.password or ''}".encode()).decode()
        lines.append(f"authorization: Basic {known}")
    return Address(Origin(host, port, read.scheme == "https"), "\r\n".join(lines))


def head_of(address: Address, headers: Mapping[str, str], size: int) -> bytes:
    """Return the head of a ``POST``.

    Args:
        address: Where to.
        headers: Besides those of the connection.
        size: Bytes of the body.

    Raises:
        WrongAddress: If a header cannot be sent.
    """
    lines = [address.head, *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"content-length: {size}\r\n\r\n")
    text = "\r\n".join(lines)
    # One more line for the two of the address (three with credentials), the length, and the end.
    breaks = address.head.count("\r\n") + len(headers) + 3
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise WrongAddress("a header has a line break in it")
    return text.encode()
