from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.calling.prepare import prepare, with_system_prompt
from experts.catalogue.expert import Expert

MESSAGES = msgspec.Raw(b'[ {"role":"user","content":"\\u00e9"}]')


def expert(**fields: Any) -> Expert:
    return Expert(id="e", provider="scripted", **{"model": "m", **fields})


def sent(fields: dict[str, Any], *, stream: bool = False, **entry: Any) -> dict[str, Any]:
    body = prepare(expert(**entry), fields, stream=stream).body
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(body))
    return decoded


def test_model_and_stream_are_ours() -> None:
    body = sent({"model": msgspec.Raw(b'"coe"'), "stream": msgspec.Raw(b"true"), "messages": []})
    assert body == {"model": "m", "stream": False, "messages": []}
    assert sent({"messages": []}, model="")["model"] == "e"


def test_unknown_fields_go_through_and_ours_does_not() -> None:
    fields = {"messages": MESSAGES, "new_field": msgspec.Raw(b'{"a":1}'), "coe": {"explain": True}}
    body = sent(fields)
    assert body["new_field"] == {"a": 1}
    assert "coe" not in body


@pytest.mark.parametrize(
    ("given", "temperature"),
    [
        ({}, 0),
        ({"temperature": None}, 0),
        ({"temperature": msgspec.Raw(b"null")}, 0),
        ({"temperature": 0.7}, 0.7),
        ({"temperature": msgspec.Raw(b"0.7")}, 0.7),
        ({"temperature": msgspec.Raw(b"0")}, 0),
    ],
)
def test_defaults_fill_what_is_open(given: dict[str, Any], temperature: float) -> None:
    assert sent(given, parameters={"temperature": 0})["temperature"] == temperature


def test_defaults_do_not_contradict_a_field_of_the_same_meaning() -> None:
    body = sent({"max_completion_tokens": 5}, parameters={"max_tokens": 100})
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


@pytest.mark.parametrize("name", ["script", "coe", "model", "stream", "stream_options", "messages"])
def test_some_parameters_are_never_sent(name: str) -> None:
    body = sent({}, parameters={name: "x"})
    assert body.get(name) != "x"


def test_the_system_prompt_goes_first_and_the_callers_bytes_stay() -> None:
    body = prepare(expert(system_prompt='say "hi"'), {"messages": MESSAGES}, stream=False).body
    assert bytes(body["messages"]) == (
        b'[{"role":"system","content":"say \\"hi\\""},{"role":"user","content":"\\u00e9"}]'
    )


def test_a_callers_system_message_stays_beside_ours() -> None:
    raw = msgspec.Raw(b'[{"role":"system","content":"theirs"}]')
    messages = sent({"messages": raw}, system_prompt="ours")["messages"]
    assert [one["content"] for one in messages] == ["ours", "theirs"]


@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=3), max_size=4),
    st.text(max_size=20),
    st.sampled_from([b"", b" ", b"\n\t "]),
)
def test_any_messages_keep_their_meaning(
    messages: list[dict[str, str]], prompt: str, space: bytes
) -> None:
    raw = msgspec.Raw(space + b"[" + space + msgspec.json.encode(messages)[1:] + space)
    merged = with_system_prompt(prompt, raw)
    assert msgspec.json.decode(merged) == [{"role": "system", "content": prompt}, *messages]
    plain = msgspec.json.encode(with_system_prompt(prompt, messages))
    assert msgspec.json.decode(plain) == msgspec.json.decode(merged)


def test_what_is_no_list_of_messages_is_left_to_the_expert() -> None:
    raw = msgspec.Raw(b'{"role":"user"}')
    assert with_system_prompt("x", raw) is raw


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (None, False),
        ({"include_usage": False}, False),
        ({"include_usage": True}, True),
        (msgspec.Raw(b'{"include_usage":true,"other":1}'), True),
        (msgspec.Raw(b'"nonsense"'), False),
    ],
)
def test_usage_is_always_asked_for(options: Any, wanted: bool) -> None:
    prepared = prepare(expert(), {"stream_options": options}, stream=True)
    assert prepared.body["stream_options"]["include_usage"] is True
    assert prepared.usage_wanted is wanted


def test_stream_options_go_only_with_streams() -> None:
    prepared = prepare(expert(), {"stream_options": {"include_usage": True}}, stream=False)
    assert "stream_options" not in prepared.body


def test_the_callers_fields_are_not_changed() -> None:
    fields = {"messages": [{"role": "user", "content": "x"}], "stream_options": {"a": 1}}
    before = msgspec.json.encode(fields)
    prepare(expert(system_prompt="s", parameters={"top_p": 1}), fields, stream=True)
    assert msgspec.json.encode(fields) == before
