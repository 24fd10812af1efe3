"""Whose address counts: of those who are trusted what they say, of everybody else where they are."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from orchestrator.kit.errors import StartError
from orchestrator.kit.forwarded import VOUCHER, ClientAddress, address_in, client_behind
from orchestrator.kit.forwarded import split_networks as networks
from orchestrator.kit.settings import load_settings

PROXIES = "10.0.0.0/8, 192.168.1.1, fd00::/8"
ELSEWHERE = "203.0.113.9"


async def _seen(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    seen = {
        "address": request.client.host if request.client else None,
        "vouched": request.headers.get(VOUCHER),
    }
    await JSONResponse(seen)(scope, receive, send)


def _asked(peer: str, headers: list[tuple[str, str]], proxies: str = PROXIES) -> str:
    app = ClientAddress(_seen, proxies, "s3cret")
    seen = TestClient(app, client=(peer, 1)).get("/", headers=httpx.Headers(headers)).json()
    assert seen["vouched"] is None
    return str(seen["address"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("10.1.1.1", ELSEWHERE, ELSEWHERE),
        ("10.1.1.1", f"1.1.1.1, {ELSEWHERE}", ELSEWHERE),  # who was there writes at the end
        ("10.1.1.1", f"1.1.1.1, {ELSEWHERE}, 192.168.1.1", ELSEWHERE),
        ("10.1.1.1", "10.2.2.2, 10.3.3.3", "10.2.2.2"),  # all are proxies' addresses: the first
        ("::ffff:10.1.1.1", ELSEWHERE, ELSEWHERE),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("10.1.1.1", f"1.1.1.1, unknown, {ELSEWHERE}:4711", ELSEWHERE),
        ("10.1.1.1", f"{ELSEWHERE}, unknown, 192.168.1.1", "192.168.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "nonsense", "10.1.1.1"),
        ("192.168.1.2", ELSEWHERE, "192.168.1.2"),  # a neighbour of a proxy is none
        ("127.0.0.1", ELSEWHERE, "127.0.0.1"),  # and nobody is one by being near
    ],
)
def test_a_proxy_is_believed_and_a_stranger_is_not(
    peer: str, forwarded_for: str, address: str
) -> None:
    assert _asked(peer, [("x-forwarded-for", forwarded_for)]) == address


def test_several_headers_are_read_as_one() -> None:
    headers = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", ELSEWHERE)]
    assert _asked("10.1.1.1", headers) == ELSEWHERE


def test_a_part_of_this_process_proves_itself() -> None:
    headers = [("x-forwarded-for", ELSEWHERE), (VOUCHER, "s3cret")]
    assert _asked("127.0.0.1", headers, proxies="") == ELSEWHERE


@pytest.mark.parametrize("guess", ["", "s3cre", "S3cret", "s3crett"])
def test_a_guess_proves_nothing(guess: str) -> None:
    headers = [("x-forwarded-for", ELSEWHERE), (VOUCHER, guess)]
    assert _asked("127.0.0.1", headers, proxies="") == "127.0.0.1"


def test_without_a_voucher_there_is_nothing_to_guess() -> None:
    app = ClientAddress(_seen)
    headers = {"x-forwarded-for": ELSEWHERE, VOUCHER: "None"}
    seen = TestClient(app, client=("127.0.0.1", 1)).get("/", headers=headers).json()
    assert seen == {"address": "127.0.0.1", "vouched": None}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" 1.2.3.4 ", "1.2.3.4"),
        ("1.2.3.4:80", "1.2.3.4"),
        ('"[2001:db8::1]:80"', "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::1"),
        ("1.2.3", None),
        ("", None),
        ("_hidden", None),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str | None) -> None:
    assert address_in(text) == address


@given(st.text())
def test_whatever_a_client_claims_the_last_that_a_proxy_saw_counts(claim: str) -> None:
    assert client_behind("10.1.1.1", f"{claim},{ELSEWHERE}", networks(PROXIES)) == ELSEWHERE


def test_a_setting_that_names_no_network_says_which() -> None:
    with pytest.raises(StartError, match=r"COE_TRUSTED_PROXIES.*'balancer' is no address"):
        load_settings(trusted_proxies="10.0.0.0/8, balancer")
