"""A request for a message as a chat request: what is translated, what goes on, what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from orchestrator.dialects.messages.request import read_request
from orchestrator.kit.errors import ApiError

from .conversations import PICTURE, as_turns, conversations

HI = {"role": "user", "content": "hi"}
TOOL = {"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}},
}
SOURCE = {"type": "base64", "media_type": "image/png", "data": "aGk="}


def read(**fields: Any) -> dict[str, Any]:
    """Return the fields of the chat request that a request comes to."""
    body = msgspec.json.encode({"model": "coe", "max_tokens": 9, "messages": [HI], **fields})
    return {
        name: msgspec.json.decode(value)
        for name, value in read_request(body).chat.fields.items()
        if name != "model"
    }


COMMON = {"messages": [HI], "max_completion_tokens": 9}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(conversations())
def test_conversations_survive(messages: list[dict[str, Any]]) -> None:
    turns, system = as_turns(messages)
    assert read(messages=turns, system=system)["messages"] == messages


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, {}),
        ({"system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}]},
         {"messages": [{"role": "system", "content": "Be kind.\n\nBe brief."}, HI]}),
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 4},
         {"temperature": 0.5, "top_p": 0.9, "top_k": 4}),
        ({"tools": [TOOL]}, {"tools": [CHAT_TOOL]}),
        ({"tools": [{**TOOL, "type": "custom", "cache_control": {"type": "ephemeral"}}],
          "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
         {"tools": [CHAT_TOOL], "tool_choice": "required", "parallel_tool_calls": False}),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "add"}},
         {"tools": [CHAT_TOOL],
          "tool_choice": {"type": "function", "function": {"name": "add"}}}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
         {"reasoning_effort": "high"}),
        ({"thinking": {"type": "disabled"}}, {}),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
         {"response_format": {"type": "json_schema", "json_schema": {
             "name": "answer", "schema": {"type": "object"}, "strict": True}}}),
        ({"metadata": {"user_id": "u"}, "service_tier": "auto"}, {}),
        ({"stream": True}, {"stream_options": {"include_usage": True}}),
        ({"a_field_of_tomorrow": [1.5]}, {"a_field_of_tomorrow": [1.5]}),
    ],
)  # fmt: skip
def test_fields(given: dict[str, Any], made: dict[str, Any]) -> None:
    assert read(**given) == {**COMMON, **made}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "source": SOURCE}, {"type": "image_url", "image_url": {"url": PICTURE}}),
        ({"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
         {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
        ({"type": "document", "title": "a.pdf",
          "source": {**SOURCE, "media_type": "application/pdf"}},
         {"type": "file", "file": {"filename": "a.pdf",
                                   "file_data": "data:application/pdf;base64,aGk="}}),
        ({"type": "document", "title": "Notes",
          "source": {"type": "text", "media_type": "text/plain", "data": "One."}},
         {"type": "text", "text": "Notes\n\nOne."}),
    ],
)  # fmt: skip
def test_blocks(block: dict[str, Any], part: dict[str, Any]) -> None:
    content = [{"type": "text", "text": "Look:"}, block]
    (message,) = read(messages=[{"role": "user", "content": content}])["messages"]
    assert message["content"] == [{"type": "text", "text": "Look:"}, part]


def test_results_come_before_what_the_user_adds() -> None:
    uses = [{"type": "tool_use", "id": id_, "name": "see", "input": {}} for id_ in "ab"]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [{"type": "image", "source": SOURCE}],
        },
        {"type": "tool_result", "tool_use_id": "b", "content": "No such place.", "is_error": True},
        {"type": "text", "text": "Go on."},
    ]
    turns = [HI, {"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    *_, calls, first, second, user = read(messages=turns)["messages"]
    assert [call["id"] for call in calls["tool_calls"]] == ["a", "b"]
    assert (first["tool_call_id"], first["content"]) == ("a", "")
    assert second["content"] == "Error:\nNo such place."
    assert user["content"] == [
        {"type": "image_url", "image_url": {"url": PICTURE}},
        {"type": "text", "text": "Go on."},
    ]


def test_thought_of_earlier_turns_is_left_out() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    secret = {"type": "redacted_thinking", "data": "x"}
    said = [thought, secret, {"type": "text", "text": "Yes."}]
    used = [thought, {"type": "tool_use", "id": "a", "name": "see", "input": {}}]
    turns = [HI, {"role": "assistant", "content": said}, HI, {"role": "assistant", "content": used}]
    messages = read(messages=turns)["messages"]
    assert messages[1] == {"role": "assistant", "content": "Yes."}
    assert messages[3]["reasoning_content"] == "Hm."


def test_counting_needs_no_limit() -> None:
    body = msgspec.json.encode({"model": "coe", "messages": [HI]})
    assert "max_completion_tokens" not in read_request(body, counting=True).chat.fields
    with pytest.raises(ApiError, match="max_tokens"):
        read_request(body)


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": list(blocks)}]}


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": None}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": "9"}),
    ("messages", {"messages": []}),
    ("messages[0]", {"messages": ["hi"]}),
    ("messages[0].role", {"messages": [{"role": "tool", "content": "x"}]}),
    ("messages[0].content", {"messages": [{"role": "user"}]}),
    ("messages[0].content[0].type", user({"type": "smell"})),
    ("messages[0].content[0].text", user({"type": "text"})),
    ("messages[0].content[0].source", user({"type": "image"})),
    ("messages[0].content[0].source.type",
     user({"type": "image", "source": {"type": "file", "file_id": "f"}})),
    ("messages[0].content[0].source.data",
     user({"type": "image", "source": {**SOURCE, "data": 5}})),
    ("messages[0].content[0].source.type",
     user({"type": "document", "source": {"type": "url", "url": "https://x.example"}})),
    ("messages[0].content[0].tool_use_id", user({"type": "tool_result", "content": "x"})),
    ("messages[0].content[0].input", assistant({"type": "tool_use", "id": "a", "name": "b"})),
    ("messages[0].content[0].type", assistant({"type": "image", "source": SOURCE})),
    ("messages[0].content[0].type", assistant({"type": "server_tool_use", "id": "a"})),
    ("system", {"system": 5}),
    ("system[0].type", {"system": [{"type": "image"}]}),
    ("stop_sequences", {"stop_sequences": "END"}),
    ("stop_sequences[0]", {"stop_sequences": [5]}),
    ("tools[0].type", {"tools": [{"type": "web_search_20260318", "name": "web_search"}]}),
    ("tools[0].input_schema", {"tools": [{"name": "add"}]}),
    ("tool_choice.type", {"tool_choice": {"type": "perhaps"}}),
    ("tool_choice.name", {"tool_choice": {"type": "tool"}}),
    ("thinking.type", {"thinking": {"type": "deeply"}}),
    ("thinking.budget_tokens", {"thinking": {"type": "enabled"}}),
    ("output_config.effort", {"output_config": {"effort": "much"}}),
    ("output_config.format.type", {"output_config": {"format": {"type": "xml"}}}),
    ("container", {"container": "c"}),
    ("mcp_servers", {"mcp_servers": [{}]}),
    ("response_format", {"response_format": {"type": "json_object"}}),
    ("stream", {"stream": 1}),
    ("coe.explain", {"coe": {"explain": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("param", "fields"), REFUSED)
def test_what_is_wrong_is_named(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        read(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)
