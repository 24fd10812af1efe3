"""A request for a response as a chat request: what is translated, what goes on, what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from orchestrator.dialects.responses.request import read_request
from orchestrator.kit.errors import ApiError

from .conversations import PICTURE, as_items, conversations

TOOL = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": True}
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object"}, "strict": True},
}
OTHER = {**TOOL, "name": "sub"}


def read(**fields: Any) -> dict[str, Any]:
    """Return the fields of the chat request that a request comes to."""
    body = msgspec.json.encode({"model": "coe", "input": "hi", **fields})
    return {
        name: msgspec.json.decode(value)
        for name, value in read_request(body).chat.fields.items()
        if name != "model"
    }


HI = {"messages": [{"role": "user", "content": "hi"}]}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(conversations())
def test_conversations_survive(messages: list[dict[str, Any]]) -> None:
    assert read(input=as_items(messages))["messages"] == messages


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, {}),
        ({"instructions": "Be brief."}, {"messages": [
            {"role": "system", "content": "Be brief."}, *HI["messages"]]}),
        ({"max_output_tokens": 5}, {"max_completion_tokens": 5}),
        ({"temperature": 0.5, "top_p": 0.9, "seed": 3, "user": "u"},
         {"temperature": 0.5, "top_p": 0.9, "seed": 3, "user": "u"}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "json_object"}}},
         {"response_format": {"type": "json_object"}}),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}},
         {"response_format": {"type": "json_schema",
                              "json_schema": {"name": "n", "schema": {}, "strict": True}}}),
        ({"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
         {"tools": [CHAT_TOOL], "tool_choice": "required", "parallel_tool_calls": False}),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "add"}},
         {"tools": [CHAT_TOOL],
          "tool_choice": {"type": "function", "function": {"name": "add"}}}),
        ({"tools": [TOOL, OTHER], "tool_choice": {
            "type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "add"}]}},
         {"tools": [CHAT_TOOL], "tool_choice": "required"}),
        ({"stream": True}, {"stream_options": {"include_usage": True}}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"store": False, "metadata": {"a": "b"}, "truncation": "auto", "background": False,
          "previous_response_id": None, "include": ["reasoning.encrypted_content"]}, {}),
        ({"a_field_of_tomorrow": {"x": [1.5]}}, {"a_field_of_tomorrow": {"x": [1.5]}}),
    ],
)  # fmt: skip
def test_fields(given: dict[str, Any], made: dict[str, Any]) -> None:
    assert read(**given) == {**HI, **made}


def test_pictures_and_files() -> None:
    content = [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "image_url": PICTURE, "detail": "low"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,aGk=",
        },
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    ]
    (message,) = read(input=[{"role": "user", "content": content}])["messages"]
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}
    assert message["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
        {"type": "file", "file": file},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    ]


def test_a_picture_in_a_result_follows_the_results() -> None:
    calls = [
        {"type": "function_call", "call_id": id_, "name": "see", "arguments": "{}"} for id_ in "ab"
    ]
    seen = [{"type": "input_text", "text": "Seen."}, {"type": "input_image", "image_url": PICTURE}]
    results = [
        {"type": "function_call_output", "call_id": "a", "output": seen},
        {"type": "function_call_output", "call_id": "b", "output": "Nothing."},
    ]
    messages = read(input=[{"role": "user", "content": "Look."}, *calls, *results])["messages"]
    assert [message["role"] for message in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    assert messages[2]["content"] == "Seen."
    assert messages[4]["content"] == [{"type": "image_url", "image_url": {"url": PICTURE}}]


def test_thought_of_earlier_turns_is_left_out() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    said = {"role": "assistant", "content": "Yes."}
    again = {"role": "user", "content": "And now?"}
    call = {"type": "function_call", "call_id": "a", "name": "see", "arguments": "{}"}
    messages = read(input=[again, thought, said, again, thought, call])["messages"]
    assert "reasoning_content" not in messages[1]
    assert messages[3]["reasoning_content"] == "Hm."


def test_developers_instruct_and_refusals_are_kept() -> None:
    refused = {"type": "message", "role": "assistant", "content": [
        {"type": "refusal", "refusal": "No."}]}  # fmt: skip
    developer = {"role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]}
    assert read(input=[developer, refused, *HI["messages"]])["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "assistant", "content": None, "refusal": "No."},
        *HI["messages"],
    ]


def test_what_a_field_of_ours_says() -> None:
    body = {"model": "coe-economy", "input": "hi", "coe": {"explain": True, "max_cost": 0.5}}
    asked = read_request(msgspec.json.encode(body))
    assert (asked.chat.model, asked.chat.api, asked.chat.explain) == (
        "coe-economy",
        "responses",
        True,
    )
    assert asked.chat.limits.max_cost == 0.5
    assert "coe" not in asked.chat.fields


CALL = {"type": "function_call", "call_id": "a", "name": "see", "arguments": "{}"}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": ""}),
    ("input", {"input": None}),
    ("input", {"input": []}),
    ("input[0]", {"input": ["hi"]}),
    ("input[0].role", {"input": [{"role": "robot", "content": "x"}]}),
    ("input[0].content", {"input": [{"role": "user", "content": 5}]}),
    ("input[0].content[0].type", {"input": [{"role": "user", "content": [{"type": "smell"}]}]}),
    ("input[0].content[0].image_url",
     {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
    ("input[0].content[0].file_data",
     {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}),
    ("input[0].content", {"input": [{"role": "system", "content": [
        {"type": "input_image", "image_url": PICTURE}]}]}),
    ("input[0].arguments", {"input": [{**CALL, "arguments": {}}]}),
    ("input[0].call_id", {"input": [{**CALL, "call_id": None}]}),
    ("input[0].type", {"input": [{"type": "web_search_call"}]}),
    ("input[0]", {"input": [{"type": "item_reference", "id": "x"}]}),
    ("instructions", {"instructions": 5}),
    ("previous_response_id", {"previous_response_id": "resp_1"}),
    ("conversation", {"conversation": "conv_1"}),
    ("background", {"background": True}),
    ("prompt", {"prompt": {"id": "p"}}),
    ("messages", {"messages": [{}]}),
    ("max_tokens", {"max_tokens": 5}),
    ("max_output_tokens", {"max_output_tokens": 0}),
    ("max_output_tokens", {"max_output_tokens": True}),
    ("tools", {"tools": {}}),
    ("tools[0].type", {"tools": [{"type": "web_search"}]}),
    ("tools[0].name", {"tools": [{"type": "function"}]}),
    ("tool_choice", {"tool_choice": "perhaps"}),
    ("tool_choice", {"tool_choice": {"type": "mcp"}}),
    ("text", {"text": "json"}),
    ("text.format.type", {"text": {"format": {"type": "xml"}}}),
    ("text.format.schema", {"text": {"format": {"type": "json_schema"}}}),
    ("reasoning", {"reasoning": "high"}),
    ("include", {"include": "all"}),
    ("stream", {"stream": "yes"}),
    ("coe", {"coe": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("param", "fields"), REFUSED)
def test_what_is_wrong_is_named(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        read(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_a_response_of_before_is_refused_with_what_to_do() -> None:
    with pytest.raises(ApiError, match="send the conversation so far as 'input'"):
        read(previous_response_id="resp_1")
