"""Which URLs a webhook may have, and which addresses it may lead to."""

from __future__ import annotations

import ipaddress

import pytest

from orchestrator.runs.webhooks.addresses import (
    AddressRefused,
    check_address,
    is_public,
    public_resolver,
    url_problem,
)

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused):
        check_address(address)
    host = f"[{address}]" if ":" in address else address
    assert url_problem(f"https://{host}/x", private=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    check_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://example.com",
        "https://",
        "https://user:pass@example.com/",
        "https://example.com/#fragment",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\n",
        "https://example.com/?q=\u00e9",
        "https://127.0.0.1:8400/v1",
        "file:///etc/passwd",
        "",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    assert url_problem(url, private=False)


@pytest.mark.parametrize("url", ["https://example.com/told?by=us&x=1", "https://example.com:8443"])
def test_urls_that_are_accepted(url: str) -> None:
    assert url_problem(url, private=False) is None


def test_the_setting_lets_private_addresses_in() -> None:
    assert url_problem("http://127.0.0.1:9000/x?y=1", private=True) is None
    assert url_problem("ftp://127.0.0.1", private=True)


async def test_a_name_that_leads_to_this_machine_is_refused_when_it_is_looked_up() -> None:
    resolver = public_resolver()
    with pytest.raises(AddressRefused):
        await resolver.resolve("localhost", 443)
    await resolver.close()


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1"])
async def test_old_spellings_of_this_machine_are_refused_when_they_are_looked_up(host: str) -> None:
    resolver = public_resolver()
    with pytest.raises(OSError):
        await resolver.resolve(host, 443)
    await resolver.close()
