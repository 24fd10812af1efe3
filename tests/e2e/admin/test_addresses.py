"""The audit log and the limit of sign-ins know where people are, not where the pages are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx

from tests.e2e.admin.conftest import Browse, settled
from tests.e2e.admin.relay import relayed
from tests.e2e.conftest import TRUSTED_PROXY, Server

PERSON = "127.0.0.7"
INVENTED = "203.0.113.9"


def _address_of(server: Server, **question: Any) -> str:
    with server.client() as client:
        found = client.get("/admin/api/audit", params={"limit": 1, **question}).json()["data"]
    address: str = found[0]["address"]
    return address


def _signed_in(url: str, server: Server, came_from: str = "", **headers: str) -> None:
    transport = httpx.HTTPTransport(local_address=came_from or None)
    with httpx.Client(base_url=url, transport=transport, headers=headers) as client:
        assert client.post("/login/key", json={"key": server.key}).status_code == 204


async def test_a_change_made_on_a_page_is_on_record_with_its_persons_address(
    browse: Browse, server: Server
) -> None:
    async with (
        relayed(server.url, PERSON) as url,
        browse("/keys", at=replace(server, url=url)) as page,
    ):
        await settled(page)
        await page.get_by_role("button", name="New key").click()
        await page.get_by_label("Name").fill("made from afar")
        await page.get_by_role("button", name="Make the key").click()
        await page.locator("#new-key").wait_for()
    assert _address_of(server, q="made from afar") == PERSON


def test_strangers_cannot_say_where_they_are(server: Server) -> None:
    headers = {"x-forwarded-for": INVENTED, "x-coe-vouched": "guess", "x-real-ip": INVENTED}
    _signed_in(server.url, server, PERSON, **headers)
    assert _address_of(server, action="sign in") == PERSON


def test_a_proxy_that_is_trusted_can(server: Server) -> None:
    _signed_in(server.url, server, TRUSTED_PROXY, **{"x-forwarded-for": INVENTED})
    assert _address_of(server, action="sign in") == INVENTED
