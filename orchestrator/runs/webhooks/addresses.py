"""Keeps webhooks from reaching what only the service may reach: its own network."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from experts.catalogue.addresses import address_problem

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(OSError):
    """A webhook leads to an address that it must not reach."""


def url_problem(url: str, *, private: bool) -> str | None:
    """Say what is wrong with a webhook's URL, as far as its text tells; ``None``: nothing.

    Args:
        url: The URL.
        private: Whether it may lead to private addresses, and go unencrypted.
    """
    base, _, query = url.partition("?")
    problem = address_problem(base)
    if problem is not None:
        return problem
    if not query.isascii() or not query.isprintable() or "#" in url or " " in url:
        return "a URL holds only printable ASCII without blanks, and this one no fragment"
    parts = urlsplit(base)
    if private:
        return None
    if parts.scheme != "https":
        return "must begin with https://"
    literal = _literal(parts.hostname or "")
    if literal is not None and not is_public(literal):
        return "leads to an address that is not public"
    return None


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public internet, whatever it is wrapped in."""
    inner = _unwrapped(address)
    return inner.is_global and not (inner.is_multicast or inner.is_reserved)


def check_address(host: str) -> None:
    """Refuse an address that is not public.

    Raises:
        AddressRefused: If it is not.
    """
    literal = _literal(host)
    if literal is None or not is_public(literal):
        raise AddressRefused("the webhook leads to an address that is not public")


def public_resolver() -> AbstractResolver:
    """Return a resolver that refuses names with an address that is not public.

    The connection is made to the very addresses that were checked, so a name that changes its
    address in between gains nothing.
    """
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class _Resolver(AbstractResolver):
        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._inner.resolve(host, port, family)
            for each in found:
                check_address(each["host"])
            return found

        async def close(self) -> None:
            await self._inner.close()

    return _Resolver()


def _literal(host: str) -> Address | None:
    """Return the address a host is written as; the forms that only some libraries read are none."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one that stands for it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
