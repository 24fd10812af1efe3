"""Which addresses connections may lead to, however they are written."""

from __future__ import annotations

import asyncio
import ipaddress

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.addresses import (
    METADATA,
    THIS_MACHINE,
    AddressPolicy,
    AddressRefused,
    guarded_connector,
    is_public,
    was_refused,
)

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "198.18.0.1", "192.0.2.1", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::"]
NOTHING = AddressPolicy()
V4 = st.ip_addresses(v=4)


def url_of(address: str) -> str:
    return f"http://[{address}]:1/x" if ":" in address else f"http://{address}:1/x"


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused):
        NOTHING.check("", [address])
    assert NOTHING.url_problem(url_of(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    NOTHING.check("", [address])
    assert NOTHING.url_problem(url_of(address)) is None


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_metadata_is_never_allowed(address: str) -> None:
    everything = AddressPolicy.parse("0.0.0.0/0, ::/0, metadata.internal")
    assert everything.url_problem(url_of(address))
    with pytest.raises(AddressRefused):
        everything.check("metadata.internal", [address])
    if ":" not in address:
        assert everything.url_problem(url_of(f"::ffff:{address}"))
    assert everything.url_problem(url_of("10.0.0.1")) is None


@given(V4)
def test_an_address_in_another_form_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    policy = AddressPolicy.parse("10.0.0.0/8, 192.168.1.1")
    number = int(address)
    forms = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    assert {policy.allows(form) for form in forms} == {policy.allows(address)}


def test_what_is_named_is_allowed() -> None:
    policy = AddressPolicy.parse(
        " 10.1.0.0/16, 192.168.1.7,[fd12::5], Ollama ,vllm.lan,", "SETTING"
    )
    for allowed in ("10.1.255.1", "192.168.1.7", "fd12::5", "::ffff:10.1.0.1"):
        assert policy.allows(ipaddress.ip_address(allowed))
    for refused in ("10.2.0.1", "192.168.1.8", "fd12::6", "127.0.0.1"):
        assert not policy.allows(ipaddress.ip_address(refused))
    policy.check("ollama", ["172.18.0.2"])
    policy.check("VLLM.lan.", ["172.18.0.2"])
    with pytest.raises(AddressRefused, match="SETTING"):
        policy.check("other.lan", ["172.18.0.2"])


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(AddressRefused):
        NOTHING.check("a.example", ["8.8.8.8", "10.0.0.1"])


@pytest.mark.parametrize("text", ["10.0.0.0/33", "http://x", "a b", "*", "10.0.0", "-x", "a..b"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        AddressPolicy.parse(text)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "127.1"],
)
async def test_no_connection_is_made_to_this_machine_however_it_is_written(
    host: str,
) -> None:
    """A server listens there, so that only the refusal keeps it from being reached."""
    reached = []

    async def serve(_: object, writer: object) -> None:
        reached.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(connector=guarded_connector(NOTHING)) as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(f"http://{host}:{port}/")
    assert was_refused(caught.value) or isinstance(caught.value, aiohttp.InvalidURL)
    assert not reached
    server.close()
    await server.wait_closed()


async def test_a_redirect_leads_no_further_than_a_url() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.2:9/\r\nContent-Length: 0\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    only = AddressPolicy.parse("127.0.0.1")
    async with aiohttp.ClientSession(connector=guarded_connector(only)) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://127.0.0.1:{port}/")
    assert was_refused(caught.value)
    server.close()
    await server.wait_closed()


async def test_a_url_is_looked_up_for_libraries_that_connect_themselves() -> None:
    for url in ("http://localhost:1/v1", "http://127.0.0.1/", "http://[::1]/"):
        with pytest.raises(AddressRefused):
            await NOTHING.look_up(url)
        await AddressPolicy.parse(THIS_MACHINE).look_up(url)
    await NOTHING.look_up("http://8.8.8.8/")
    await NOTHING.look_up("http://no-such-host.invalid/")
