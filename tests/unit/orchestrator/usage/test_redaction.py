from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.tenants.content import ContentChoice
from orchestrator.usage.content.capture import MOST_BYTES, captured, content_of
from orchestrator.usage.content.redaction import (
    WITHHELD,
    is_card,
    is_iban,
    pattern_problem,
    redacted,
    redacted_value,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to ada.lovelace+x@mail.example.co.uk!", "Write to [email]!"),
        ("card 4111 1111 1111 1111, thanks", "card [card], thanks"),
        ("5500-0000-0000-0004.", "[card]."),
        ("378282246310005", "[card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"),
        ("GB29NWBK60161331926819", "[iban]"),
        ("call +49 (0)30 1234567 now", "call [phone] now"),
        ("call +1-202-555-0143", "call [phone]"),
        ("(202) 555-0143 or 202-555-0143", "[phone] or [phone]"),
        ("ring 030/1234567", "ring [phone]"),
        ("key sk-proj-abcdefghijklmnop1234", "key [secret]"),
        ("sk-coe-" + "a1B2" * 10, "[secret]"),
        ("Authorization: Bearer abcdef0123456789.xyz", "Authorization: Bearer [secret]"),
        ("ghp_" + "a" * 36 + " AKIAIOSFODNN7EXAMPLE", "[secret] [secret]"),
        ("https://host/x?api_key=hunter2hunter2&y=1", "https://host/x?api_key=[secret]&y=1"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "[secret]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nend",
            "[secret]\nend",
        ),
        ("see data:image/png;base64," + "iVBORw0KGgo" * 9, "see [data]"),
    ],
)
def test_what_is_blotted_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # no card: its check digit is wrong
        "GB29NWBK60161331926818",
        "order 1234567890123 of 2026-03-01 12:30:45",
        "3.14159265358979 and 2718281828459046",
        "The range 100-200 costs 1,000,000.",
        "version 1.2.3.4 at 127.0.0.1:8400",
        "x = a @ b; task-list sk-learn",
        "def mean(values): return sum(values) / len(values)",
        "req_01a20eb48f4677238e8845f1dfb46289",
    ],
)
def test_what_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.from_regex(r"[0-9]{12,18}", fullmatch=True))
def test_every_card_number_goes_and_no_other_has_its_digit(digits: str) -> None:
    cards = [f"{digits}{last}" for last in range(10) if is_card(f"{digits}{last}")]
    assert len(cards) == (1 if digits.strip("0") else len(cards))
    for card in cards:
        assert card not in redacted(f"my card is {card} ok")


@given(st.from_regex(r"[A-Z]{2}", fullmatch=True), st.from_regex(r"[0-9A-Z]{16}", fullmatch=True))
def test_an_account_number_with_its_check_digits_goes(country: str, account: str) -> None:
    turned = account + country + "00"
    check = 98 - int("".join(str(int(char, 36)) for char in turned)) % 97
    iban = f"{country}{check:02d}{account}"
    assert is_iban(iban)
    assert iban not in redacted(f"to {iban} today")


def test_a_tenants_own_patterns() -> None:
    assert redacted("patient 12-AB-9, staff 7", (r"\d{2}-[A-Z]{2}-\d", "staff")) == (
        "patient [redacted], [redacted] 7"
    )
    assert pattern_problem(r"\d{3}") is None
    for pattern in ("(", "", "a" * 201, "a*", r"(?P<x>a)(?P=y)"):
        assert pattern_problem(pattern), pattern


def test_a_pattern_that_takes_too_long_withholds_the_text() -> None:
    began = time.monotonic()
    assert redacted("a" * 40 + "!", (r"(a|aa)+$",)) == WITHHELD
    assert time.monotonic() - began < 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), _JSON, max_size=3), max_size=4))
def test_what_is_kept_is_json_whatever_was_said(messages: list[Any]) -> None:
    kept = content_of(ContentChoice("all"), "", messages, "x\x00y")
    assert isinstance(json.loads(kept.prompt or ""), list)
    assert kept.answer == "x y"
    assert "\x00" not in (kept.prompt or "")


def test_what_is_inside_of_messages_is_redacted_and_their_shape_stays() -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "I am ada@example.com"}]},
        {"role": "assistant", "tool_calls": [{"function": {"arguments": '{"to": "a@b.org"}'}}]},
    ]
    assert redacted_value(messages) == [
        {"role": "user", "content": [{"type": "text", "text": "I am [email]"}]},
        {"role": "assistant", "tool_calls": [{"function": {"arguments": '{"to": "[email]"}'}}]},
    ]


async def test_levels() -> None:
    said = {"text": "hi", "messages": [{"role": "user", "content": "hi"}], "answer": "a@b.org"}
    nothing = await captured(ContentChoice(), **said)
    prompts = await captured(ContentChoice("prompts"), **said)
    everything = await captured(ContentChoice("all"), **said)
    assert (nothing.text, nothing.prompt, nothing.answer) == (None, None, None)
    assert (prompts.text, prompts.prompt) == ("hi", '[{"role":"user","content":"hi"}]')
    assert prompts.answer is None
    assert everything.answer == "[email]"


async def test_long_conversations_keep_their_end() -> None:
    messages = [{"role": "user", "content": f"{number} " + "x" * 30_000} for number in range(50)]
    kept = await captured(ContentChoice("all"), text="", messages=messages, answer="y" * 400_000)
    shown = json.loads(kept.prompt or "")
    assert len(kept.prompt or "") < MOST_BYTES + 200
    assert shown[0]["content"] == f"[{51 - len(shown)} earlier messages]"
    assert shown[-1] == messages[-1]
    assert (kept.answer or "").endswith("[400000 characters]")
