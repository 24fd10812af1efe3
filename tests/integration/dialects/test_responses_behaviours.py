"""What users of gateways miss most in ``/v1/responses`` over experts that speak chat completions.

One row a behaviour, as for ``/v1/messages``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from experts.catalogue.expert import Expert
from experts.counting.counter import counted
from tests.integration.dialects.conftest import USAGE, Events, Talk, events_of, stream, whole
from tests.integration.dialects.test_messages_behaviours import (
    CACHED,
    call,
    calls,
    joined,
    tool_message,
)

PATH = "/v1/responses"
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": False}
FUNCTION = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object"}, "strict": False},
}
CALLED: list[dict[str, Any]] = [
    {
        "id": f"fc_{number}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": "add",
        "arguments": f'{{"a":{number + 1}}}',
    }
    for number in (0, 1)
]
ASSISTANT: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": item["call_id"],
            "type": "function",
            "function": {"name": "add", "arguments": item["arguments"]},
        }
        for item in CALLED
    ],
}
REASONED = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x"}


def output(number: int, said: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": said}


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def input_text(said: str) -> dict[str, Any]:
    return {"type": "input_text", "text": said}


def output_text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}


REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a text": ({"input": "hi"}, {"messages": HI}),
    "messages without a type": ({"input": HI}, {"messages": HI}),
    "instructions and a developer": (
        {"instructions": "Be brief.", "input": [message("developer", input_text("Be kind.")), *HI]},
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "system", "content": "Be kind."},
                *HI,
            ]
        },
    ),
    "calls and their outputs, replayed": (
        {"input": [*HI, *CALLED, output(0, "3"), output(1, "7")]},
        {"messages": [*HI, ASSISTANT, tool_message(0, "3"), tool_message(1, "7")]},
    ),
    "an output as parts": (
        {"input": [*HI, *CALLED, output(0, [input_text("a"), input_text("b")]), output(1, "")]},
        {"messages": [*HI, ASSISTANT, tool_message(0, "a\nb"), tool_message(1, "")]},
    ),
    "sealed thought between calls": (
        {"input": [*HI, REASONED, CALLED[0], REASONED, CALLED[1], output(0, "3"), output(1, "7")],
         "include": ["reasoning.encrypted_content"], "store": False},
        {"messages": [*HI, ASSISTANT, tool_message(0, "3"), tool_message(1, "7")],
         "include": None, "store": None},
    ),
    "open thought within a chain of calls": (
        {"input": [*HI, {**REASONED, "summary": [{"type": "summary_text", "text": "Hm."}]},
                   *CALLED, output(0, "3"), output(1, "7")]},
        {"messages": [*HI, {**ASSISTANT, "reasoning_content": "Hm."}, tool_message(0, "3"),
                      tool_message(1, "7")]},
    ),
    "a word before the calls": (
        {"input": [*HI, message("assistant", output_text("I add.")), *CALLED, output(0, "3"),
                   output(1, "7")]},
        {"messages": [*HI, {**ASSISTANT, "content": "I add."}, tool_message(0, "3"),
                      tool_message(1, "7")]},
    ),
    "an answer replayed with its refusal": (
        {"input": [*HI, message("assistant", {"type": "refusal", "refusal": "No."}), *HI]},
        {"messages": [*HI, {"role": "assistant", "content": None, "refusal": "No."}, *HI]},
    ),
    "a picture": (
        {"input": [message("user", {"type": "input_image", "image_url": "data:,x", "detail": "auto"})]},
        {"messages": [{"role": "user",
                       "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
    ),
    "tools": (
        {"input": "hi", "tools": [TOOL], "tool_choice": {"type": "function", "name": "add"},
         "parallel_tool_calls": False},
        {"tools": [FUNCTION], "parallel_tool_calls": False,
         "tool_choice": {"type": "function", "function": {"name": "add"}}},
    ),
    "some of the tools": (
        {"input": "hi", "tools": [TOOL, {**TOOL, "name": "drop"}],
         "tool_choice": {"type": "allowed_tools", "mode": "required",
                         "tools": [{"type": "function", "name": "add"}]}},
        {"tools": [FUNCTION], "tool_choice": "required"},
    ),
    "a schema": (
        {"input": "hi", "text": {"verbosity": "low", "format": {
            "type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}},
        {"verbosity": "low", "response_format": {"type": "json_schema", "json_schema": {
            "name": "n", "schema": {"type": "object"}, "strict": True}}, "text": None},
    ),
    "lengths and logprobs": (
        {"input": "hi", "max_output_tokens": 9, "top_logprobs": 2,
         "include": ["message.output_text.logprobs"]},
        {"max_completion_tokens": 9, "max_output_tokens": None, "logprobs": True, "top_logprobs": 2},
    ),
    "fields that ask for nothing": (
        {"input": "hi", "tools": [], "previous_response_id": None, "background": False,
         "conversation": None, "prompt": None, "context_management": [], "truncation": "auto",
         "metadata": {"a": "b"}, "text": {"format": {"type": "text"}}},
        {"tools": None, "metadata": None, "truncation": None, "response_format": None,
         "context_management": None},
    ),
    "fields of the expert's own": (
        {"input": "hi", "seed": 7, "user": "u", "prompt_cache_key": "k", "service_tier": "flex",
         "reasoning": {"effort": "low"}},
        {"seed": 7, "user": "u", "prompt_cache_key": "k", "service_tier": "flex",
         "reasoning_effort": "low", "reasoning": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
async def test_what_the_expert_is_asked(talk: Talk, name: str) -> None:
    body, wanted = REQUESTS[name]
    answer = await talk.post(PATH, body, whole({"content": "yes"}))
    assert answer.status_code == 200, answer.text
    for field, value in wanted.items():
        assert talk.sent.get(field) == value, field


@dataclass
class Told:
    """A row about the answer; streamed and whole must come to the same.

    Args:
        deltas: What the expert says, in pieces.
        output: The items, without ids and status.
        status: How the response ended.
        finish: What the expert gives for the reason.
        counted: What it counts.
        body: Further fields of the request.
        streamed_only: Whether no whole answer could be like this.
    """

    deltas: tuple[dict[str, Any], ...]
    output: list[dict[str, Any]]
    status: str = "completed"
    finish: str = "stop"
    counted: Any = None
    body: dict[str, Any] | None = None
    streamed_only: bool = False


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [output_text(text)]}


def called(number: int) -> dict[str, Any]:
    names = ("type", "call_id", "name", "arguments")
    return {name: CALLED[number][name] for name in names}


HM = {"type": "reasoning_text", "text": "Hm."}
ANSWERS: dict[str, Told] = {
    "text in pieces": Told(({"content": "Hel"}, {"content": "lo"}), [said("Hello")]),
    "a call without a word": Told(
        (calls(call(0, "add")), calls(call(0, None, '{"a"')), calls(call(0, None, ":1}"))),
        [called(0)],
        finish="tool_calls",
    ),
    "a word, then calls, mixed up": Told(
        (
            {"content": "I add."},
            calls(call(0, "add", '{"a":'), call(1, "add", '{"a"')),
            calls(call(1, None, ":2}")),
            calls(call(0, None, "1}")),
        ),
        [said("I add."), called(0), called(1)],
        finish="tool_calls",
        streamed_only=True,
    ),
    "thought, then text": Told(
        ({"reasoning_content": "Hm"}, {"reasoning_content": "."}, {"content": "So."}),
        [{"type": "reasoning", "summary": [], "content": [HM]}, said("So.")],
    ),
    "thought as a summary": Told(
        ({"reasoning": "Hm."}, {"content": "So."}),
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}, said("So.")],
        body={"reasoning": {"summary": "auto"}},
    ),
    "a refusal": Told(
        ({"refusal": "No."},),
        [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
    ),
    "too long": Told(({"content": "x"},), [said("x")], "incomplete", finish="length"),
    "filtered": Told(({"content": "x"},), [said("x")], "incomplete", finish="content_filter"),
    "what is counted": Told(({"content": "x"},), [said("x")], counted=CACHED),
}  # fmt: skip


def assembled(events: Events) -> dict[str, Any]:
    """Return the response that a stream ends with; all that clients rely on is checked on the way."""
    assert [name for name, _ in events[:2]] == ["response.created", "response.in_progress"]
    numbers = [fields["sequence_number"] for _, fields in events]
    assert numbers == list(range(len(events)))
    items: list[dict[str, Any]] = []
    open_item: dict[str, Any] | None = None
    open_part, pieces = False, ""
    for name, fields in events[2:-1]:
        assert fields["type"] == name
        kind = name.removeprefix("response.")
        if kind == "output_item.added":
            assert open_item is None
            assert fields["output_index"] == len(items)
            open_item, pieces = fields["item"], ""
            assert open_item["status"] == "in_progress"
            continue
        assert open_item is not None
        assert fields["output_index"] == len(items)
        if kind == "output_item.done":
            assert fields["item"]["id"] == open_item["id"]
            items.append(fields["item"])
            open_item = None
            continue
        assert fields["item_id"] == open_item["id"]
        if kind.endswith("part.added"):
            open_part = True
        elif kind.endswith("part.done"):
            open_part = False
        elif kind.endswith(".delta"):
            assert open_part or kind.startswith("function_call")
            pieces += fields["delta"]
        else:
            assert kind.endswith(".done")
            assert pieces in (fields.get("text"), fields.get("refusal"), fields.get("arguments"))
    last, ending = events[-1]
    response: dict[str, Any] = ending["response"]
    assert last == f"response.{response['status']}"
    assert response["output"] == items or response["status"] == "incomplete"
    assert len({fields["response"]["id"] for _, fields in events if "response" in fields}) == 1
    return response


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_what_the_caller_is_told(talk: Talk, name: str, streamed: bool) -> None:
    row = ANSWERS[name]
    counted = row.counted or USAGE
    body = {"input": "hi", "tools": [TOOL], "stream": streamed, **(row.body or {})}
    if streamed:
        reply = stream(*row.deltas, finish_reason=row.finish, usage=counted)
    else:
        reply = whole(joined(row.deltas), finish_reason=row.finish, usage=counted)
    answer = await talk.post(PATH, body, reply)
    assert answer.status_code == 200, answer.text
    told = assembled(events_of(answer)) if streamed else answer.json()
    ids = [item.pop("id") for item in told["output"]]
    assert len(set(ids)) == len(ids)
    statuses = [item.pop("status") for item in told["output"]]
    assert statuses[-1] == row.status
    assert told["output"] == row.output
    assert (told["status"], told["model"], told["tools"]) == (row.status, "m", [TOOL])
    assert told["usage"] == {
        "input_tokens": 1000,
        "input_tokens_details": {
            "cached_tokens": 600 if row.counted else 0,
            "cache_write_tokens": 100 if row.counted else 0,
        },
        "output_tokens": 300,
        "output_tokens_details": {"reasoning_tokens": 40 if row.counted else 0},
        "total_tokens": 1300,
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "rs_1"}]}, "input[0]"),
        ({"input": [{"type": "computer_call_output"}]}, "input[0].type"),
        ({"background": True}, "background"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(
    talk: Talk, body: dict[str, Any], param: str
) -> None:
    answer = await talk.caller.post(PATH, {"model": "vendor", "input": "hi", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)


async def test_tokens_are_counted_as_the_named_expert_counts(talk: Talk) -> None:
    named = Expert(id="counting", provider="litellm", model="openai/gpt-5")
    catalogue = talk.desk.services.catalogue
    if "counting" not in catalogue.current.experts:
        await catalogue.create(named, by="test")

    async def count(path: str, **asked: Any) -> int:
        answer = await talk.caller.post(path, asked)
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["input_tokens"]
        return found

    said = "Donaudampfschifffahrtsgesellschaft " * 20
    expected = (await counted("gpt-5", messages=[{"role": "user", "content": said}])).prompt_tokens
    estimate = (await counted("", messages=[{"role": "user", "content": said}])).prompt_tokens
    assert expected != estimate
    asked = {"messages": [{"role": "user", "content": said}]}
    for model, tokens in {"counting": expected, "coe": estimate}.items():
        assert await count(f"{PATH}/input_tokens", model=model, input=said) == tokens
        assert await count("/v1/messages/count_tokens", model=model, **asked) == tokens
