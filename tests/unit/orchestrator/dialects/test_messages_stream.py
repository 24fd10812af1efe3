"""A stream of chat completions as one of message events, held to the client library's own types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from experts.errors import ExpertAnswerInvalid
from orchestrator.dialects.messages.answer import whole_message
from orchestrator.dialects.messages.request import MessageRequest, read_request
from orchestrator.dialects.messages.stream import MessageStream

from .answers import USAGE, Answer, answers, event_of
from .reading import named_events, translated, whole_blocks

SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)
REQUEST_ID = "req_00ff"
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
THINKS = {"type": "enabled", "budget_tokens": 2000}


def asked(**fields: Any) -> MessageRequest:
    messages = [{"role": "user", "content": "hi there"}]
    body = {"model": "coe", "max_tokens": 9, "messages": messages, **fields}
    return read_request(msgspec.json.encode(body))


def told(answer: Answer, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    return named_events(translated(MessageStream(asked(**fields), REQUEST_ID), answer.events()))


def accumulated(events: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    message: Any = None
    buffers: dict[int, bytes] = {}
    for name, fields in events:
        assert fields["type"] == name
        if name != "ping":
            event = EVENT.validate_python(fields)
            message = accumulate_event(event=event, current_snapshot=message, json_bufs=buffers)
    found: dict[str, Any] = message.to_dict()
    return found


@SETTINGS
@given(answers(), st.sampled_from([None, THINKS]))
def test_the_library_makes_the_whole_message_of_the_events(answer: Answer, thinking: Any) -> None:
    streamed = accumulated(told(answer, thinking=thinking))
    whole = whole_message(asked(thinking=thinking), REQUEST_ID, answer.whole())
    Message.model_validate(whole)
    calls = [block["id"] for block in streamed["content"] if block["type"] == "tool_use"]
    if calls == [call[0] for call in answer.calls]:
        assert streamed["content"] == whole["content"]
    assert streamed["stop_reason"] == whole["stop_reason"]
    assert streamed["usage"] == whole["usage"]


@SETTINGS
@given(answers())
def test_blocks_come_one_after_the_other(answer: Answer) -> None:
    open_block, count = None, 0
    events = told(answer, thinking=THINKS)
    for name, fields in events:
        if name == "content_block_start":
            assert (open_block, fields["index"]) == (None, count)
            open_block, count = fields["index"], count + 1
        elif name == "content_block_delta":
            assert fields["index"] == open_block
        elif name == "content_block_stop":
            assert fields["index"] == open_block
            open_block = None
    assert [name for name, _ in events][-2:] == ["message_delta", "message_stop"]


@SETTINGS
@given(answers(), st.lists(st.integers(0, 10_000), max_size=20))
def test_where_the_bytes_are_cut_changes_nothing(answer: Answer, cuts: list[int]) -> None:
    events = answer.events()
    one_by_one = translated(MessageStream(asked(), REQUEST_ID), events)
    blocks = whole_blocks(b"".join(events), cuts)
    assert translated(MessageStream(asked(), REQUEST_ID), blocks) == one_by_one


def test_text() -> None:
    events = told(Answer(said=("Hel", "lo"), usage=USAGE))
    assert [name for name, _ in events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start = events[0][1]["message"]
    assert (start["id"], start["model"], start["content"]) == ("msg_00ff", "upstream-model", [])
    assert start["usage"]["input_tokens"] > 0  # estimated: nobody has counted yet
    assert events[-2][1]["usage"] == {
        "input_tokens": 12,
        "cache_read_input_tokens": 8,
        "cache_creation_input_tokens": 0,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }


@pytest.mark.parametrize(
    ("thinking", "kinds"),
    [
        (None, ["text"]),
        ({"type": "disabled"}, ["text"]),
        ({**THINKS, "display": "omitted"}, ["text"]),
        (THINKS, ["thinking", "text"]),
        ({"type": "adaptive"}, ["thinking", "text"]),
    ],
)
def test_thought_is_told_to_those_who_ask(thinking: Any, kinds: list[str]) -> None:
    answer = Answer(thought=("H", "m"), said=("Hi",))
    streamed = accumulated(told(answer, thinking=thinking))
    whole = whole_message(asked(thinking=thinking), REQUEST_ID, answer.whole())
    assert [block["type"] for block in streamed["content"]] == kinds
    assert streamed["content"] == whole["content"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(said=("x",)), "end_turn"),
        (Answer(said=("x",), finish="length"), "max_tokens"),
        (Answer(said=("x",), finish="content_filter"), "refusal"),
        (Answer(refusal=("No.",)), "refusal"),
        (Answer(calls=(("a", "b", ("{}",)),), finish="tool_calls"), "tool_use"),
        (Answer(calls=(("a", "b", ("{}",)),), finish="stop"), "tool_use"),
    ],
)
def test_why_it_ends(answer: Answer, reason: str) -> None:
    whole = whole_message(asked(), REQUEST_ID, answer.whole())
    assert whole["stop_reason"] == accumulated(told(answer))["stop_reason"] == reason


@pytest.mark.parametrize("arguments", ['{"a"', "[1]", "5", '{"a": 1} {}'])
def test_arguments_that_are_no_object_are_no_answer(arguments: str) -> None:
    answer = Answer(calls=(("x", "add", (arguments,)),), finish="tool_calls")
    with pytest.raises(ExpertAnswerInvalid, match="tool 'add'"):
        whole_message(asked(), REQUEST_ID, answer.whole())


@pytest.mark.parametrize(("arguments", "given"), [("", {}), (' {"a": 1}\n', {"a": 1})])
def test_arguments_may_be_left_out_and_spaced(arguments: str, given: Any) -> None:
    answer = Answer(calls=(("x", "add", (arguments,)),), finish="tool_calls")
    (use,) = whole_message(asked(), REQUEST_ID, answer.whole())["content"]
    assert use["input"] == given


def test_a_stop_sequence_is_named_where_the_expert_names_it() -> None:
    completion = Answer(said=("x",)).whole()
    assert completion.choices
    completion.choices[0].stop_reason = "END"
    whole = whole_message(asked(stop_sequences=["END"]), REQUEST_ID, completion)
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("stop_sequence", "END")


def test_an_error_is_an_event_of_its_own() -> None:
    error = {"message": "It broke off.", "code": "expert_answer_invalid", "type": "expert_error"}
    stream = [*Answer(said=("Hel",)).events()[:2], event_of({"error": error})]
    *_, (name, fields) = named_events(translated(MessageStream(asked(), REQUEST_ID), stream))
    assert name == fields["type"] == "error"
    assert fields["error"]["type"] == "api_error"
    assert fields["error"]["message"] == "It broke off."


def test_signs_of_life_are_pings_and_the_explanation_stands_at_the_end() -> None:
    explained = {"choices": [], "coe": {"request_id": REQUEST_ID, "cost_usd": 0.5}}
    *answer, done = Answer(said=("Hi",)).events()
    stream = [*answer, b": at work\n\n", event_of(explained), done]
    events = named_events(translated(MessageStream(asked(), REQUEST_ID), stream))
    assert [name for name, _ in events].count("ping") == 2
    assert events[-2][1]["coe"] == explained["coe"]
