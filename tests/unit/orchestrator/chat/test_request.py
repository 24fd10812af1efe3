"""Reading chat requests: everything wrong is a 400 that names its field."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.chat.request import parse_chat
from orchestrator.kit.errors import ApiError

MESSAGES = [{"role": "user", "content": "Hi"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


def _body(**fields: Any) -> bytes:
    return json.dumps({"model": "coe", "messages": MESSAGES, **fields}).encode()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"  ", None),
        (b"[]", None),
        (b'"text"', None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b"{}", "model"),
        (_body(model=""), "model"),
        (_body(model=3), "model"),
        (b'{"model": "coe"}', "messages"),
        (_body(messages=[]), "messages"),
        (_body(messages="Hi"), "messages"),
        (_body(messages=["Hi"]), "messages[0]"),
        (_body(messages=[*MESSAGES, {"content": "x"}]), "messages[1].role"),
        (_body(stream="yes"), "stream"),
        (_body(tools={}), "tools"),
        (_body(response_format="json"), "response_format"),
        (_body(coe=[]), "coe"),
        (_body(coe={"explain": 1}), "coe.explain"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, param: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        parse_chat(body)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_nesting_deeper_than_the_parser_goes_is_a_400() -> None:
    deep = b'{"model": "coe", "messages": [{"role": "user", "content": ' + b"[" * 100_000 + b"}]}"
    with pytest.raises(ApiError) as caught:
        parse_chat(deep)
    assert caught.value.status == 400


def test_unknown_fields_keep_their_bytes() -> None:
    odd = b'{"a" : 1.50e3,  "b":[1 ,2], "c": 123456789012345678901234567890}'
    body = (
        b'{"model":"coe","messages":[{"role":"user","content":"x"}],"vendor_field": ' + odd + b"}"
    )
    chat = parse_chat(body)
    assert bytes(chat.fields["vendor_field"]).strip() == odd
    assert odd in msgspec.json.encode(chat.fields)


def test_our_own_field_does_not_travel() -> None:
    chat = parse_chat(_body(coe={"explain": True}))
    assert chat.explain
    assert "coe" not in chat.fields


@given(
    st.binary(max_size=200) | st.dictionaries(st.text(), JSON).map(lambda d: json.dumps(d).encode())
)
def test_no_body_makes_it_stumble(body: bytes) -> None:
    try:
        parse_chat(body)
    except ApiError as error:
        assert error.status == 400


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("model", "messages", "stream", "tools", "response_format", "coe"), JSON
        ),
    )
)
def test_no_field_makes_it_stumble(fields: dict[str, Any]) -> None:
    try:
        chat = parse_chat(_body(**fields))
    except ApiError as error:
        assert error.status == 400
    else:
        assert chat.messages
