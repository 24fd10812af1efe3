"""Secrets are taken out of text, in every form they come in, and the rest stays."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.upstream import Upstream
from experts.redaction import redacted, without_beginning_of

SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=60)


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefgh12345678.",
        "Authorization: Bearer hidden-hidden",
        'headers={"authorization": "Bearer hidden-hidden"}',
        "authorization=hidden-hidden",
        "x-api-key: hidden-hidden",
        "https://a.example/v1?api_key=hidden-hidden&x=1",
        '{"api_key":"hidden-hidden"}',
        "postgresql://me:hidden-hidden@db/coe",
        "redis://:hidden-hidden@cache:6379/0",
        "Basic aGlkZGVuLWhpZGRlbg==",
        "key AIzaSyA-hidden-hidden-hidden-hidden-123",
        "AKIAABCDEFGHIJKLMNOP",
        "token eyJhbGciOiJIUzI1NiJ9.eyJoaWRkZW4iOjF9.c2lnbmF0dXJl",
        "whsec_aGlkZGVuaGlkZGVuaGlkZGVu",
    ],
)
def test_what_looks_like_a_secret_goes(text: str) -> None:
    shown = redacted(text)
    assert "***" in shown
    for part in ("hidden", "abcdefgh", "aGlkZGVu", "ABCDEFGH", "eyJ"):
        assert part not in shown


@pytest.mark.parametrize(
    "text",
    [
        "expert 'e' has no API key: environment variable OPENAI_API_KEY is not set",
        "give {env: NAME} or {stored: NAME}, never the secret itself",
        "GET https://example.com/v1/chat?x=1 took 12 ms",
        "the bearer of news", "basic facts", "risk-free", "1 + 1 = 2", "mail me@example.com",
        "req_01a20eb48f4677238e8845f1dfb46289",
    ],
)  # fmt: skip
def test_ordinary_text_stays(text: str) -> None:
    assert redacted(text) == text


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_known_values_go_in_every_form(secret: str, before: str, after: str) -> None:
    for form in (secret, quote(secret, safe=""), secret.replace("/", "\\/")):
        assert secret not in redacted(f"{before} {form} {after}", [secret]).replace("***", "")


@given(SECRETS, st.integers(min_value=0, max_value=80), st.text(max_size=30))
def test_a_body_that_was_cut_off_shows_no_part_of_the_key(
    secret: str, cut: int, before: str
) -> None:
    text = without_beginning_of(f"{before}\n{secret}"[: len(before) + 1 + cut], secret)
    shown = text.removeprefix(f"{before}\n") if text.startswith(f"{before}\n") else ""
    assert not (len(shown) > 3 and secret.startswith(shown.removesuffix("***")) and shown[0] != "*")


def test_an_upstream_that_echoes_the_key_does_not_give_it_away() -> None:
    key = "no/known+shape=4711"
    upstream = Upstream("e", "m", key)
    for said in (key, key.replace("/", "\\/"), quote(key, safe=""), f"Bearer {key}"):
        body = b'{"error":{"message":"bad key \xff %b"}}' % said.encode()
        for status in (400, 401, 500, 429):
            error = upstream.error(status, body)
            assert "4711" not in f"{error!r} {error.upstream_body!r}"
            assert b"\xff" in (error.upstream_body or b"")
