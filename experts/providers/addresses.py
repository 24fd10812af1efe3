"""Which addresses connections to the outside may lead to: public ones, and those an operator names.

An address is judged twice: where a URL is stored, as far as its text tells, and when a connection is
made, for the very addresses that are then used. A name that leads elsewhere in between (DNS
rebinding) or a redirect therefore gains nothing.

Background: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp import TCPConnector

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

THIS_MACHINE = "127.0.0.0/8,::1"
"""What :meth:`AddressPolicy.parse` reads as the addresses of this machine."""
METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # containers at Amazon
        "169.254.170.23",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure; a public one
    )
)
"""Where clouds hand out credentials to whoever asks from inside: never led to, whatever is named."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")


class AddressRefused(OSError):
    """A connection would lead to an address that it must not lead to."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Says which addresses are allowed: public ones, named networks, whatever named hosts lead to.

    Args:
        networks: Networks that are not public and allowed all the same.
        hosts: Host names, lower case, that may lead to any address but :data:`METADATA`.
        setting: Where an operator names more, for messages.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    setting: str = ""

    @classmethod
    def parse(cls, text: str, setting: str = "") -> Self:
        """Read addresses, networks and host names, separated by commas.

        Raises:
            ValueError: If a part is none of these; names it.
        """
        networks: list[Network] = []
        hosts = set()
        for part in filter(None, (part.strip().lower() for part in text.split(","))):
            network = _network(part)
            if network is not None:
                networks.append(network)
            elif _HOST.fullmatch(part) and not part.replace(".", "").isdigit():
                hosts.add(part)
            else:
                raise ValueError(f"{part!r} is no address, network or host name")
        return cls(tuple(networks), frozenset(hosts), setting)

    def allows(self, address: Address, host: str = "") -> bool:
        """Tell whether a connection may lead to an address.

        Args:
            address: The address.
            host: The name it was looked up by, if it was.
        """
        inner = _unwrapped(address)
        if inner in METADATA:
            return False
        return is_public(inner) or self.names(inner, host)

    def names(self, address: Address | None, host: str = "") -> bool:
        """Tell whether an operator has named this address or host."""
        if host.lower().rstrip(".") in self.hosts:
            return True
        inner = None if address is None else _unwrapped(address)
        return any(inner in n for n in self.networks if inner and inner.version == n.version)

    def url_problem(self, url: str) -> str | None:
        """Say why a URL may not be called, as far as its text tells; ``None``: nothing is wrong."""
        literal = literal_of(urlsplit(url).hostname or "")
        return None if literal is None or self.allows(literal) else self.told()

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """Refuse a host of which any address is not allowed.

        Raises:
            AddressRefused: Then.
        """
        for each in addresses:
            address = literal_of(each)
            if address is None or not self.allows(address, host):
                raise AddressRefused(self.told())

    async def look_up(self, url: str) -> None:
        """Look up where a URL leads and refuse it if that is not allowed.

        For libraries that make their connections themselves; what they look up later is theirs.

        Raises:
            AddressRefused: If it is not allowed.
        """
        host = urlsplit(url).hostname or ""
        if literal_of(host) is not None:
            self.check("", [host])
            return
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return  # nowhere: whoever connects says so
        self.check(host, [str(address[0]) for *_, address in found])

    def told(self) -> str:
        """Return the sentence for an address that is refused."""
        more = f"; {self.setting} names those that are allowed" if self.setting else ""
        return f"leads to an address that is not public{more}"


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public internet, whatever it is wrapped in."""
    inner = _unwrapped(address)
    return inner.is_global and not (inner.is_multicast or inner.is_reserved)


def literal_of(host: str) -> Address | None:
    """Return the address a host is written as; the forms that only some libraries read are none."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


class Judge(Protocol):
    """Says which addresses are allowed, as an :class:`AddressPolicy` does."""

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """Refuse a host of which any address is not allowed.

        Raises:
            AddressRefused: Then.
        """
        ...


def guarded_connector(policy: Judge, **options: Any) -> TCPConnector:
    """Return a connector of aiohttp's that makes no connection the policy does not allow.

    Args:
        policy: Judges every address.
        options: Of ``aiohttp.TCPConnector``.
    """
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class Resolver(AbstractResolver):
        """Looks names up as the system does, and refuses what they lead to."""

        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._inner.resolve(host, port, family)
            policy.check(host, [each["host"] for each in found])
            return found

        async def close(self) -> None:
            await self._inner.close()

    class Connector(aiohttp.TCPConnector):
        """Judges addresses in URLs, which are not looked up, here."""

        async def connect(
            self,
            req: aiohttp.ClientRequest,
            traces: Any,
            timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's own)
        ) -> Any:
            host = req.url.host or ""
            if literal_of(host) is not None:
                try:
                    policy.check("", [host])
                except AddressRefused as error:
                    raise aiohttp.ClientConnectorDNSError(req.connection_key, error) from error
            return await super().connect(req, traces, timeout)

    return Connector(resolver=Resolver(), **options)


def was_refused(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, is :class:`AddressRefused`."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, AddressRefused):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
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
