"""Streams as messages, and messages as streams."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.sse import DONE, write_event
from orchestrator.guardrails.streams import Whole

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def chunk(**fields: Any) -> bytes:
    return write_event(msgspec.json.encode({"id": "c1", "model": "m", **fields}))


def delta(index: int, finish: str | None = None, **fields: Any) -> bytes:
    return chunk(choices=[{"index": index, "delta": fields, "finish_reason": finish}])


USAGE = chunk(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2})


@given(st.lists(TEXT, min_size=1), st.lists(TEXT, min_size=1))
def test_pieces_of_each_choice_are_put_together(one: list[str], two: list[str]) -> None:
    blocks = [delta(0, role="assistant"), *(delta(0, content=text) for text in one)]
    blocks += [delta(1, content=text) for text in two]
    whole = Whole([b"".join(blocks), delta(0, "stop"), USAGE + DONE])
    assert [message["content"] for message in whole.messages] == ["".join(one), "".join(two)]
    again = Whole(whole.told_as(whole.messages))
    assert again.messages == whole.messages
    assert whole.told_as(whole.messages)[-2:] == [USAGE, DONE]


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.data())
def test_tool_calls_are_put_together(arguments: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(arguments)))
    first = {"index": 0, "id": "call_1", "type": "function",
             "function": {"name": "add", "arguments": arguments[:cut]}}  # fmt: skip
    other = {"index": 1, "id": "call_2", "function": {"name": "sub", "arguments": "{}"}}
    rest = {"index": 0, "function": {"arguments": arguments[cut:]}}
    pieces = [delta(0, tool_calls=[piece]) for piece in (first, other, rest)]
    whole = Whole([*pieces, delta(0, "tool_calls"), DONE])
    (message,) = whole.messages
    told = [(call["id"], call["function"]["arguments"]) for call in message["tool_calls"]]
    assert told == [("call_1", arguments), ("call_2", "{}")]
    assert Whole(whole.told_as([message])).messages == [message]


def test_what_is_told_otherwise_holds_nothing_of_what_it_was() -> None:
    step = b'event: step\ndata: {"text":"hidden"}\n\n'
    error = write_event(b'{"error":{"message":"broke off"}}')
    whole = Whole([step, delta(0, content="hid"), delta(0, "length", content="den"), error])
    told = b"".join(whole.told_as([{"role": "assistant", "content": "***"}]))
    assert b"hid" not in told
    assert b'"finish_reason":"length"' in told
    assert told.endswith(error)


def test_nonsense_is_no_message() -> None:
    odd = [{"index": "x", "delta": 3}, 4, {"index": 0, "delta": {"tool_calls": [7, {}]}}]
    whole = Whole([b"data: {\n\n", b": comment\n\n", chunk(choices=odd), chunk(choices=[{}]), DONE])
    assert len(whole.messages) == 1
