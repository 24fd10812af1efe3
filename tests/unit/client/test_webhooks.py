"""Messages to webhooks are believed if they are signed with the secret, and only then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client import APIResponseInvalidError, AsyncCoe, Coe, WebhookInvalidError
from coe_client.webhooks import TOLERANCE, unwrap, verify
from orchestrator.runs.webhooks.signing import new_secret, signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_800_000_000
BODY = json.dumps(
    {"type": "run.finished", "timestamp": "2026-01-02T03:04:05Z", "data": {"id": "run_1"}}
).encode()


def check(body: bytes = BODY, *, secret: Any = SECRET, now: float = NOW, **changed: str) -> None:
    headers = signed(SECRET, "msg_1", NOW, BODY)
    headers |= {f"webhook-{name}": value for name, value in changed.items()}
    verify(body, headers, secret=secret, clock=lambda: now)


def test_the_example_of_the_specification() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verify('{"test": 2432232314}', headers, secret=SECRET, clock=lambda: 1614265330.0)


@given(body=st.binary(max_size=60), message=st.from_regex(r"\Amsg_[0-9a-z]{1,32}\Z"))
def test_what_the_service_signs_is_believed(body: bytes, message: str) -> None:
    secret = new_secret()
    headers = {n.title(): v for n, v in signed(secret, message, NOW, body).items()}
    verify(body, headers, secret=[new_secret(), secret], clock=lambda: NOW)
    with pytest.raises(WebhookInvalidError, match="signature"):
        verify(body, headers, secret=new_secret(), clock=lambda: NOW)
    with pytest.raises(WebhookInvalidError, match="signature"):
        verify(body + b" ", headers, secret=secret, clock=lambda: NOW)


def test_a_message_says_what_happened() -> None:
    headers = signed(SECRET, "msg_1", NOW, BODY)
    event = unwrap(BODY, headers, secret=SECRET, clock=lambda: NOW)
    assert (event.type, event.run.id) == ("run.finished", "run_1")
    other = signed(SECRET, "msg_1", NOW, b"no JSON")
    with pytest.raises(APIResponseInvalidError):
        unwrap(b"no JSON", other, secret=SECRET, clock=lambda: NOW)


def test_a_client_reads_it_too() -> None:
    with pytest.raises(WebhookInvalidError, match="old by"):
        Coe().webhooks.unwrap(BODY, signed(SECRET, "msg_1", 1, BODY), secret=SECRET)
    with pytest.raises(WebhookInvalidError, match="webhook-id"):
        AsyncCoe().webhooks.unwrap(BODY, {}, secret=SECRET)


@pytest.mark.parametrize("age", [TOLERANCE + 1, -TOLERANCE - 1])
def test_a_recording_is_not_believed(age: float) -> None:
    check(now=NOW + age - 2 * (1 if age > 0 else -1))
    with pytest.raises(WebhookInvalidError, match="old" if age > 0 else "future"):
        check(now=NOW + age)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", "msg_2"),
        ("timestamp", str(NOW + 1)),
        ("timestamp", "soon"),
        ("timestamp", "１８００００００００"),
        ("timestamp", "-1"),
        ("signature", "v1,AAAA"),
        ("signature", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("signature", "v1"),
        ("signature", "é"),
    ],
)
def test_what_was_changed_is_not_believed(name: str, value: str) -> None:
    check()
    with pytest.raises(WebhookInvalidError):
        check(**{name: value})


def test_one_of_several_signatures_is_enough() -> None:
    own = signed(SECRET, "msg_1", NOW, BODY)["webhook-signature"]
    check(signature=f"v1,AAAA v2,BBBB {own}")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", ["whsec_é"]])
def test_what_is_no_secret(secret: Any) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        check(secret=secret)
