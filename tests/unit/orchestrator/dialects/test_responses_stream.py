"""A stream of chat completions as one of response events, held to the client library's own types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from orchestrator.dialects.responses.answer import whole_response
from orchestrator.dialects.responses.request import ResponseRequest, read_request
from orchestrator.dialects.responses.stream import ResponseStream

from .answers import USAGE, Answer, answers, choices, event_of
from .reading import named_events, translated, whole_blocks

SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)
REQUEST_ID = "req_00ff"
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def asked(**fields: Any) -> ResponseRequest:
    return read_request(msgspec.json.encode({"model": "coe", "input": "hi", **fields}))


def events_of(answer: Answer, **fields: Any) -> list[dict[str, Any]]:
    stream = translated(ResponseStream(asked(**fields), REQUEST_ID), answer.events())
    return [fields for _, fields in named_events(stream)]


def timeless(value: Any) -> Any:
    return {k: v for k, v in value.items() if k not in {"created_at", "completed_at"}}


@SETTINGS
@given(answers(), st.sampled_from([None, {"summary": "auto"}]))
def test_every_event_is_one_that_the_library_knows(answer: Answer, reasoning: Any) -> None:
    stream = translated(ResponseStream(asked(reasoning=reasoning), REQUEST_ID), answer.events())
    state = ResponseStreamState(input_tools=[], text_format=omit)
    for number, (name, fields) in enumerate(named_events(stream)):
        assert fields["type"] == name
        assert fields["sequence_number"] == number
        state.handle_event(EVENT.validate_python(fields))


@SETTINGS
@given(answers(), st.sampled_from([None, {"summary": "auto"}]))
def test_the_last_event_holds_the_whole_response(answer: Answer, reasoning: Any) -> None:
    request = asked(reasoning=reasoning)
    streamed = events_of(answer, reasoning=reasoning)[-1]["response"]
    whole = whole_response(request, REQUEST_ID, answer.whole())
    if [call[0] for call in answer.calls] == [
        item["call_id"] for item in streamed["output"] if item["type"] == "function_call"
    ]:
        assert timeless(streamed) == timeless(whole)
    Response.model_validate(whole)
    assert streamed["status"] == {
        "length": "incomplete",
        "content_filter": "incomplete",
    }.get(answer.finish, "completed")


@SETTINGS
@given(answers(), st.lists(st.integers(0, 10_000), max_size=20))
def test_where_the_bytes_are_cut_changes_nothing(answer: Answer, cuts: list[int]) -> None:
    events = answer.events()
    request = asked()
    one_by_one = translated(ResponseStream(request, REQUEST_ID), events)
    cut = translated(ResponseStream(request, REQUEST_ID), whole_blocks(b"".join(events), cuts))
    assert [timeless_event(e) for e in named_events(cut)] == [
        timeless_event(e) for e in named_events(one_by_one)
    ]


def timeless_event(event: tuple[str, dict[str, Any]]) -> Any:
    name, fields = event
    response = fields.get("response")
    return name, fields if response is None else {**fields, "response": timeless(response)}


def test_text() -> None:
    events = events_of(Answer(said=("Hel", "lo"), usage=USAGE))
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["delta"] for event in events[4:6]] == ["Hel", "lo"]
    assert events[0]["response"]["output"] == []
    response = events[-1]["response"]
    assert response["id"] == events[0]["response"]["id"] == "resp_00ff"
    assert response["model"] == "upstream-model"
    assert response["usage"] == {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 29,
    }


@pytest.mark.parametrize(
    ("reasoning", "names", "key"),
    [
        (None, ["content_part.added", "reasoning_text.delta"], "content"),
        (
            {"summary": "auto"},
            ["reasoning_summary_part.added", "reasoning_summary_text.delta"],
            "summary",
        ),
    ],
)
def test_thought_is_told_as_asked(reasoning: Any, names: list[str], key: str) -> None:
    events = events_of(Answer(thought=("Hm",), said=("Hi",)), reasoning=reasoning)
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[2:5] == ["output_item.added", *names]
    thought, said = events[-1]["response"]["output"]
    assert (thought["type"], thought[key][0]["text"]) == ("reasoning", "Hm")
    assert (said["type"], said["content"][0]["text"]) == ("message", "Hi")


def test_a_refusal() -> None:
    events = events_of(Answer(refusal=("No", ".")))
    kinds = {event["type"].removeprefix("response.") for event in events}
    assert {"refusal.delta", "refusal.done"} <= kinds
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_an_answer_that_was_cut_off_is_incomplete() -> None:
    last = events_of(Answer(said=("Hel",), finish="length"))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_log_probabilities_come_with_their_pieces() -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    choice = {"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [token]}}
    answer = [event_of(choices(choice)), b"data: [DONE]\n\n"]
    events = named_events(translated(ResponseStream(asked(), REQUEST_ID), answer))
    told = dict(events)
    assert told["response.output_text.delta"]["logprobs"] == [token]
    assert told["response.output_text.done"]["logprobs"] == [token]
    (item,) = told["response.completed"]["response"]["output"]
    assert item["content"][0]["logprobs"] == [token]


def test_an_error_ends_the_stream_as_failed() -> None:
    begun = Answer(said=("Hel", "lo")).events()[:2]
    error = {"message": "It broke off.", "code": "expert_answer_invalid", "type": "expert_error"}
    stream = translated(ResponseStream(asked(), REQUEST_ID), [*begun, event_of({"error": error})])
    *_, said, failed = [fields for _, fields in named_events(stream)]
    assert (said["type"], said["code"], said["message"]) == (
        "error",
        "expert_answer_invalid",
        "It broke off.",
    )
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "It broke off."}
    EVENT.validate_python(failed)
    assert failed["response"]["output"][0]["status"] == "incomplete"


def test_only_the_first_of_several_answers_is_told() -> None:
    both = choices(
        {"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": "mine"}}
    )
    stream = [event_of(both), b"data: [DONE]\n\n"]
    *_, (_, last) = named_events(translated(ResponseStream(asked(), REQUEST_ID), stream))
    assert [item["content"][0]["text"] for item in last["response"]["output"]] == ["mine"]


def test_the_explanation_and_steps_of_strategies() -> None:
    step = {"choices": [], "coe": {"event": {"type": "step.started"}}}
    explained = {"choices": [], "coe": {"request_id": REQUEST_ID, "cost_usd": 0.5}}
    answer = Answer(said=("Hi",)).events()
    stream = [
        *answer[:1],
        b": at work\n\n",
        event_of(step),
        *answer[1:-1],
        event_of(explained),
        answer[-1],
    ]
    told = translated(ResponseStream(asked(), REQUEST_ID), stream)
    events = named_events(told)
    assert b": at work\n\n" in told
    assert ("coe", {"type": "coe", "sequence_number": 2, "coe": step["coe"]}) in events
    assert events[-1][1]["response"]["coe"] == explained["coe"]
