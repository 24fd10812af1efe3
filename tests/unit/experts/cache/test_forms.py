"""An answer kept in one form and told in the other says the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.cache.entry import Entry, EntryUnreadable, is_finished, pack, unpack
from experts.cache.forms import AnswerUnreadable, blocks_of, joined, pieces, whole_of
from experts.providers import sse

text = st.text(max_size=200)
call = st.fixed_dictionaries(
    {
        "id": text,
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": text, "arguments": text}),
    }
)
message = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": text},
    optional={
        "reasoning_content": text.filter(bool),
        "tool_calls": st.lists(call, min_size=1, max_size=3),
        "annotations": st.lists(st.dictionaries(text, text, max_size=2), min_size=1, max_size=2),
    },
)
choice = st.fixed_dictionaries(
    {"message": message, "finish_reason": st.sampled_from(["stop", "tool_calls"])},
    optional={"logprobs": st.just({"content": [{"token": "a", "logprob": -1.5}]})},
)


def answer_of(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": index, **one} for index, one in enumerate(choices)],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


def entry(**form: Any) -> Entry:
    return Entry(expert="e", version=1, made_at=0.0, **form)


@given(st.lists(choice, min_size=1, max_size=2))
def test_a_stream_of_an_answer_says_the_answer(choices: list[dict[str, Any]]) -> None:
    answer = answer_of(choices)
    told = joined(b"".join(pieces(answer, usage_wanted=True)))
    for one in answer["choices"]:  # beside calls, saying nothing is null
        if one["message"]["content"] == "" and one["message"].get("tool_calls"):
            one["message"]["content"] = None
    assert told == answer


def test_a_long_answer_comes_in_several_pieces_reasoning_first() -> None:
    said = {"role": "assistant", "content": "word " * 40, "reasoning_content": "hm"}
    events = list(
        pieces(answer_of([{"message": said, "finish_reason": "stop"}]), usage_wanted=False)
    )
    deltas = [msgspec.json.decode(sse.data_of(e) or b"")["choices"][0]["delta"] for e in events]
    assert [next(iter(delta), None) for delta in deltas][:3] == [
        "role",
        "reasoning_content",
        "content",
    ]
    assert sum("content" in delta for delta in deltas[1:]) == 5


def test_a_stream_is_told_as_it_came_and_its_usage_where_it_is_wanted() -> None:
    events = (
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hel"}}],"x":1}\n\n'
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
        b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    )
    kept = entry(streamed=events)
    assert b"".join(blocks_of(kept, usage_wanted=True)) == events
    assert b"".join(blocks_of(kept, usage_wanted=False)) == events[: events.rfind(b"data:")]
    whole = msgspec.json.decode(whole_of(kept))
    assert whole["choices"][0]["message"]["content"] == "Hello"
    assert whole["usage"]["completion_tokens"] == 2
    assert is_finished(whole)


def test_calls_that_come_in_pieces_are_put_together() -> None:
    def event(delta: dict[str, Any]) -> bytes:
        return sse.write_event(msgspec.json.encode({"choices": [{"index": 0, "delta": delta}]}))

    stream = b"".join(
        event({"tool_calls": [piece]})
        for piece in (
            {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
            {
                "index": 1,
                "id": "b",
                "type": "function",
                "function": {"name": "g", "arguments": "{"},
            },
            {"index": 0, "function": {"arguments": '{"x":'}},
            {"index": 0, "function": {"arguments": "1}"}},
            {"index": 1, "function": {"arguments": "}"}},
        )
    )
    calls = joined(stream)["choices"][0]["message"]["tool_calls"]
    assert [(one["id"], one["function"]["arguments"]) for one in calls] == [
        ("a", '{"x":1}'),
        ("b", "{}"),
    ]


@pytest.mark.parametrize(
    "events",
    [
        b"",
        b"data: nope\n\n",
        b"data: []\n\n",
        b'data: {"choices":[1]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[1]}}]}\n\n',
    ],
)
def test_what_is_no_stream_of_an_answer_is_refused(events: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        joined(events)


@pytest.mark.parametrize(
    ("reason", "finished"),
    [
        ("stop", True),
        ("tool_calls", True),
        ("length", False),
        ("content_filter", False),
        (None, False),
    ],
)
def test_what_is_cut_or_filtered_is_not_finished(reason: str | None, finished: bool) -> None:
    assert is_finished({"choices": [{"finish_reason": reason}]}) is finished
    assert (
        is_finished({"choices": [{"finish_reason": "stop"}, {"finish_reason": reason}]}) is finished
    )
    assert not is_finished({"choices": []})


def test_entries_are_packed_and_damage_is_seen() -> None:
    kept = Entry(expert="e", version=2, made_at=1.5, whole=b"{}" * 500, category="code")
    packed = pack(kept)
    assert len(packed) < 200
    assert unpack(packed) == kept
    for broken in (packed[:-3], b"xxxx" + packed[4:], b"", packed[:4] + b"\0" * 20):
        with pytest.raises(EntryUnreadable):
            unpack(broken)
