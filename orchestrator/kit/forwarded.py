"""Whose request it is, behind proxies: the address that those who are trusted pass on, and nobody else.

Each proxy writes whom it was asked by at the end of ``X-Forwarded-For``. So it is read from its end, as long as whoever
wrote it is trusted; what is before that can be anybody's invention. The admin UI of this process asks over loopback for
people elsewhere, and proves that it is the one that asks by a secret that is made anew at each start.

Background: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#security_and_privacy_concerns
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Header = tuple[bytes, bytes]

VOUCHER = "x-coe-vouched"
"""Header by which a part of this process proves itself; it goes no further than :class:`ClientAddress`."""
_VOUCHER = VOUCHER.encode()
_FORWARDED_FOR = b"x-forwarded-for"
_NAMES = frozenset({_VOUCHER, _FORWARDED_FOR})


class ClientAddress:
    """Tells an application the address of the client, where there is somebody in between who may say it.

    Args:
        app: The application.
        proxies: Whom to believe, see :func:`split_networks`.
        voucher: Secret of the parts of this process that ask for others; ``None``: there are none.
    """

    def __init__(self, app: ASGIApp, proxies: str = "", voucher: str | None = None) -> None:
        self._app = app
        self._proxies = split_networks(proxies)
        self._voucher = None if voucher is None else voucher.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] != "lifespan":
            found = [header for header in scope["headers"] if header[0] in _NAMES]
            if found:
                scope = self._told(scope, found)
        await self._app(scope, receive, send)

    def _told(self, scope: Scope, found: list[Header]) -> Scope:
        vouchers = [value for name, value in found if name == _VOUCHER]
        if vouchers:
            scope = {**scope, "headers": [h for h in scope["headers"] if h[0] != _VOUCHER]}
        peer = scope.get("client")
        address, port = (peer[0], peer[1]) if peer else ("", 0)
        if not (self._vouched(vouchers) or is_one_of(address, self._proxies)):
            return scope
        hops = b",".join(value for name, value in found if name == _FORWARDED_FOR)
        client = client_behind(address, hops.decode("latin-1"), self._proxies)
        return scope if client == address else {**scope, "client": (client, port)}

    def _vouched(self, vouchers: list[bytes]) -> bool:
        expected = self._voucher
        return expected is not None and any(hmac.compare_digest(v, expected) for v in vouchers)


def client_behind(proxy: str, forwarded_for: str, proxies: Iterable[Network]) -> str:
    """Return the address of whoever asked the first of the proxies that are trusted.

    Args:
        proxy: Address of the last of them, who made the connection.
        forwarded_for: Value of ``X-Forwarded-For``; of several headers all, with commas between.
        proxies: Whom else to believe.
    """
    networks = tuple(proxies)
    told = proxy
    for hop in reversed(forwarded_for.split(",")):
        address = address_in(hop)
        if address is None:  # "unknown", or nonsense: whoever wrote it is as far as one gets
            break
        told = address
        if not is_one_of(address, networks):
            break
    return told


def split_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks with commas between.

    Raises:
        ValueError: If a part is neither; names it.
    """
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError as error:
            raise ValueError(f"{part!r} is no address or network, such as 10.0.0.0/8") from error
    return tuple(networks)


def is_one_of(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address lies in one of some networks."""
    known = address_in(address)
    if known is None:
        return False
    found = ipaddress.ip_address(known)
    return any(found in network for network in networks if network.version == found.version)


def address_in(text: str) -> str | None:
    """Return the address in one part of ``X-Forwarded-For``, which may have a port; ``None`` if there is none.

    One of IPv4 that is written as one of IPv6 is returned as what it is.
    """
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
