"""What users of gateways miss most in ``/v1/messages`` over experts that speak OpenAI's wire.

One row a behaviour: what is asked, what the expert answers, and what must be true of what it was asked
and of what the caller is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.dialects.conftest import USAGE, Events, Talk, events_of, stream, whole

PATH = "/v1/messages"
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
TOOLS: list[dict[str, Any]] = [
    {"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}
]
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}
CACHED = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 40},
}
THINKING = {"type": "enabled", "budget_tokens": 1024}


def call(index: int, name: str | None = None, arguments: str = "", **more: Any) -> dict[str, Any]:
    """Return a piece of a tool call."""
    said: dict[str, Any] = {"arguments": arguments}
    if name is not None:
        said["name"] = name
        more = {"id": f"call_{index}", "type": "function", **more}
    return {"index": index, "function": said, **more}


def calls(*pieces: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(pieces)}


def used(number: int, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"call_{number}", "name": "add", "input": given}


def result(number: int, content: Any = None, **more: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": f"call_{number}", **more}
    return block if content is None else {**block, "content": content}


def after_tools(*results: dict[str, Any], said: Any = None) -> list[dict[str, Any]]:
    """Return a conversation in which two tools were called."""
    before = [] if said is None else said
    called = {"role": "assistant", "content": [*before, used(0, a=1), used(1, a=2)]}
    return [*HI, called, {"role": "user", "content": list(results)}]


@dataclass
class Asked:
    """A row about the request.

    Args:
        body: Fields of the request.
        sent: Fields that the expert must have been sent; ``None``: not among them.
    """

    body: dict[str, Any]
    sent: dict[str, Any]


def tool_message(number: int, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


ASSISTANT: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": "add", "arguments": f'{{"a":{number + 1}}}'},
        }
        for number in (0, 1)
    ],
}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "s1"}
SEALED = {"type": "redacted_thinking", "data": "x"}
MARKED = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}

REQUESTS: dict[str, Asked] = {
    "instructions as marked blocks": Asked(
        {"system": [MARKED, {"type": "text", "text": "Be kind."}], "messages": HI},
        {"messages": [{"role": "system", "content": "Be brief.\n\nBe kind."}, *HI]},
    ),
    "cache marks go nowhere": Asked(
        {
            "messages": [{"role": "user", "content": [{**MARKED, "text": "hi"}]}],
            "tools": [{**TOOLS[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "cache_control": {"type": "ephemeral"},
        },
        {
            "messages": HI,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "add",
                        "description": "Adds.",
                        "parameters": {"type": "object"},
                    },
                }
            ],
            "cache_control": None,
        },
    ),
    "results of parallel tools, then what the user says": Asked(
        {"messages": after_tools(result(0, "3"), result(1, "7"), {"type": "text", "text": "so?"})},
        {
            "messages": [
                *HI,
                ASSISTANT,
                tool_message(0, "3"),
                tool_message(1, "7"),
                {"role": "user", "content": "so?"},
            ]
        },
    ),
    "what a tool returns as blocks, as nothing, as an error": Asked(
        {
            "messages": after_tools(
                result(0, [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
                result(1, is_error=True),
            )
        },
        {"messages": [*HI, ASSISTANT, tool_message(0, "a\nb"), tool_message(1, "Error:")]},
    ),
    "a picture in a tool's result follows it": Asked(
        {"messages": after_tools(result(0, [PNG]), result(1, ""))},
        {
            "messages": [
                *HI,
                ASSISTANT,
                tool_message(0, ""),
                tool_message(1, ""),
                {"role": "user", "content": [PIXEL]},
            ]
        },
    ),
    "signed and sealed thought comes back as it was": Asked(
        {"messages": after_tools(result(0, "3"), result(1, "7"), said=[SIGNED, SEALED])},
        {
            "messages": [
                *HI,
                {**ASSISTANT, "reasoning_content": "Hm.", "thinking_blocks": [SIGNED, SEALED]},
                tool_message(0, "3"),
                tool_message(1, "7"),
            ]
        },
    ),
    "thought within a chain of tools comes back": Asked(
        {
            "messages": after_tools(
                result(0, "3"),
                result(1, "7"),
                said=[
                    {"type": "thinking", "thinking": "Hm.", "signature": ""},
                    {"type": "text", "text": "I add."},
                ],
            )
        },
        {
            "messages": [
                *HI,
                {**ASSISTANT, "content": "I add.", "reasoning_content": "Hm."},
                tool_message(0, "3"),
                tool_message(1, "7"),
            ]
        },
    ),
    "thought of an earlier turn does not": Asked(
        {
            "messages": [
                *HI,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": None},
                        SIGNED,
                        SEALED,
                        {"type": "text", "text": "hello"},
                    ],
                },
                *HI,
            ]
        },
        {"messages": [*HI, {"role": "assistant", "content": "hello"}, *HI]},
    ),
    "the beginning of the answer": Asked(
        {"messages": [*HI, {"role": "assistant", "content": "{"}]},
        {"messages": [*HI, {"role": "assistant", "content": "{"}]},
    ),
    "any tool, but one at a time": Asked(
        {
            "messages": HI,
            "tools": TOOLS,
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        },
        {"tool_choice": "required", "parallel_tool_calls": False},
    ),
    "one tool": Asked(
        {"messages": HI, "tools": TOOLS, "tool_choice": {"type": "tool", "name": "add"}},
        {"tool_choice": {"type": "function", "function": {"name": "add"}}},
    ),
    "tools as newer clients send them": Asked(
        {
            "messages": HI,
            "tools": [
                {**TOOLS[0], "type": "custom", "strict": True, "defer_loading": False,
                 "eager_input_streaming": True, "input_examples": [{"a": 1}]},
            ],
        },
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "add",
                        "description": "Adds.",
                        "parameters": {"type": "object"},
                        "strict": True,
                    },
                }
            ]
        },
    ),
    "fields that ask for nothing": Asked(
        {"messages": HI, "tools": [], "mcp_servers": [], "container": None, "stop_sequences": [],
         "metadata": {"user_id": "u"}, "service_tier": "auto", "thinking": {"type": "disabled"}},
        {"tools": None, "mcp_servers": None, "metadata": None, "stop": None, "reasoning_effort": None,
         "service_tier": None, "thinking": None, "max_completion_tokens": 9, "max_tokens": None},
    ),
    "how much thought": Asked(
        {"messages": HI, "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
        {"reasoning_effort": "high"},
    ),
    "documents as text and as files": Asked(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "title": "T",
                            "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                        },
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "eA==",
                            },
                        },
                    ],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "T\n\nx"},
                        {
                            "type": "file",
                            "file": {
                                "filename": "document.pdf",
                                "file_data": "data:application/pdf;base64,eA==",
                            },
                        },
                    ],
                }
            ]
        },
    ),
    "fields of the expert's own": Asked(
        {"messages": HI, "top_k": 5, "temperature": 0.2, "stop_sequences": ["END"]},
        {"top_k": 5, "temperature": 0.2, "stop": ["END"], "stop_sequences": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
async def test_what_the_expert_is_asked(talk: Talk, name: str) -> None:
    row = REQUESTS[name]
    answer = await talk.post(PATH, {"max_tokens": 9, **row.body}, whole({"content": "yes"}))
    assert answer.status_code == 200, answer.text
    for field, value in row.sent.items():
        assert talk.sent.get(field) == value, field


@dataclass
class Told:
    """A row about the answer; streamed and whole must come to the same.

    Args:
        deltas: What the expert says, in pieces.
        content: The content blocks.
        ending: Fields of the end: ``stop_reason``, ``stop_sequence``.
        usage: Fields of the usage.
        body: Further fields of the request.
        finish: What the expert gives for the reason.
        counted: What it counts.
        streamed_only: Whether no whole answer could be like this.
    """

    deltas: tuple[dict[str, Any], ...]
    content: list[dict[str, Any]]
    ending: str = "end_turn"
    usage: dict[str, Any] | None = None
    body: dict[str, Any] | None = None
    finish: str = "stop"
    counted: Any = None
    streamed_only: bool = False


def thought(said: str, signature: str = "") -> dict[str, Any]:
    return {"type": "thinking", "thinking": said, "signature": signature}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


ANSWERS: dict[str, Told] = {
    "text in pieces": Told(({"content": "Hel"}, {"content": "lo"}), [text("Hello")]),
    "a tool without a word": Told(
        (calls(call(0, "add")), calls(call(0, None, '{"a"')), calls(call(0, None, ":1}"))),
        [used(0, a=1)],
        "tool_use",
        finish="tool_calls",
    ),
    "a word, then tools, mixed up": Told(
        (
            {"content": "I add."},
            calls(call(0, "add", '{"a":'), call(1, "add", '{"a"')),
            calls(call(1, None, ":2}")),
            calls(call(0, None, "1}")),
        ),
        [text("I add."), used(0, a=1), used(1, a=2)],
        "tool_use",
        finish="tool_calls",
        streamed_only=True,
    ),
    "an empty word before a tool opens nothing": Told(
        ({"content": ""}, calls(call(0, "add", '{"a":1}')), {"content": ""}),
        [used(0, a=1)],
        "tool_use",
        finish="tool_calls",
    ),
    "a tool that takes nothing": Told(
        (calls(call(0, "add", "")),), [used(0)], "tool_use", finish="tool_calls"
    ),
    "a server that says it stopped after calling": Told(
        (calls(call(0, "add", '{"a":1}')),), [used(0, a=1)], "tool_use"
    ),
    "arguments that came decoded": Told(
        (
            {
                "tool_calls": [
                    {"index": 0, "id": "call_0", "function": {"name": "add", "arguments": {"a": 1}}}
                ]
            },
        ),
        [used(0, a=1)],
        "tool_use",
        finish="tool_calls",
    ),
    "too long": Told(({"content": "x"},), [text("x")], "max_tokens", finish="length"),
    "refused": Told(({"refusal": "No."},), [text("No.")], "refusal"),
    "filtered": Told(({"content": "x"},), [text("x")], "refusal", finish="content_filter"),
    "thought that was asked for": Told(
        ({"reasoning_content": "Hm"}, {"reasoning_content": "."}, {"content": "So."}),
        [{"type": "thinking", "thinking": "Hm.", "signature": ""}, text("So.")],
        body={"thinking": THINKING, "max_tokens": 2000},
    ),
    "nothing but thought": Told(
        ({"reasoning": "Hm."},),
        [{"type": "thinking", "thinking": "Hm.", "signature": ""}],
        body={"thinking": THINKING, "max_tokens": 2000},
    ),
    "thought that its vendor signed": Told(
        (
            {"reasoning_content": "Hm.", "thinking_blocks": [thought("Hm.")]},
            {"thinking_blocks": [thought("", "s1")]},
            {"thinking_blocks": [SEALED]},
            {"reasoning_content": "So", "thinking_blocks": [thought("So")]},
            {"reasoning_content": "?", "thinking_blocks": [thought("?")]},
            {"reasoning_content": "", "thinking_blocks": [thought("", "s2")]},
            {"content": "So."},
        ),
        [SIGNED, SEALED, {**SIGNED, "thinking": "So?", "signature": "s2"}, text("So.")],
        body={"thinking": THINKING, "max_tokens": 2000},
    ),
    "thought that is signed and not shown": Told(
        ({"thinking_blocks": [thought("", "s1")]}, {"content": "So."}),
        [{**SIGNED, "thinking": ""}, text("So.")],
        body={"thinking": THINKING, "max_tokens": 2000},
    ),
    "signed thought that was not asked for": Told(
        (
            {"thinking_blocks": [thought("Hm.", "s1")]},
            {"thinking_blocks": [SEALED]},
            {"content": "So."},
        ),
        [text("So.")],
    ),
    "thought that was not asked for": Told(
        ({"reasoning_content": "Hm."}, {"content": "So."}), [text("So.")]
    ),
    "what the cache gave is told apart": Told(
        ({"content": "x"},),
        [text("x")],
        counted=CACHED,
        usage={
            "input_tokens": 300,
            "cache_read_input_tokens": 600,
            "cache_creation_input_tokens": 100,
            "output_tokens": 300,
        },
    ),
    "an expert that counts": Told(
        ({"content": "x"},),
        [text("x")],
        counted=USAGE,
        usage={"input_tokens": 1000, "output_tokens": 300, "cache_read_input_tokens": 0},
    ),
}


def assembled(events: Events) -> dict[str, Any]:
    """Return the message that a stream comes to, as clients put it together.

    Every rule that clients rely on is checked on the way.
    """
    (first, start), *rest = events
    assert first == "message_start"
    message: dict[str, Any] = start["message"]
    assert message["content"] == []
    assert message["usage"]["input_tokens"] > 0
    assert {"cache_read_input_tokens", "cache_creation_input_tokens"} <= message["usage"].keys()
    open_block, pieces = None, ""
    for name, fields in rest:
        assert fields["type"] == name
        if name == "content_block_start":
            assert open_block is None
            assert fields["index"] == len(message["content"])
            open_block, pieces = fields["content_block"], ""
            if open_block["type"] == "tool_use":
                assert open_block["input"] == {}
        elif name == "content_block_delta":
            assert open_block is not None
            delta = fields["delta"]
            kind = delta["type"]
            if kind == "signature_delta":
                open_block["signature"] = delta["signature"]
                continue
            pieces += delta[
                {"input_json_delta": "partial_json", "text_delta": "text"}.get(kind, "thinking")
            ]
        elif name == "content_block_stop":
            assert open_block is not None
            message["content"].append(_whole_block(open_block, pieces))
            open_block = None
        elif name == "message_delta":
            message |= fields["delta"]
            message["usage"] |= fields["usage"]
    assert open_block is None
    assert [name for name, _ in rest[-2:]] == ["message_delta", "message_stop"]
    return message


def _whole_block(block: dict[str, Any], pieces: str) -> dict[str, Any]:
    import json

    if block["type"] == "tool_use":
        return {**block, "input": json.loads(pieces) if pieces else {}}
    if block["type"] == "redacted_thinking":
        return block
    name = "thinking" if block["type"] == "thinking" else "text"
    return {**block, name: pieces}


def _blocks_joined(blocks: list[Any], more: list[Any]) -> list[Any]:
    (piece,) = more
    if not blocks or blocks[-1].get("signature", "sealed") or piece["type"] != "thinking":
        return [*blocks, piece]
    grown = {**blocks[-1], "thinking": blocks[-1]["thinking"] + piece["thinking"]}
    return [*blocks[:-1], {**grown, "signature": piece["signature"]}]


def joined(deltas: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Return the message that pieces come to."""
    message: dict[str, Any] = {}
    called: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        for name, value in delta.items():
            if name == "thinking_blocks":
                message[name] = _blocks_joined(message.get(name, []), value)
                continue
            if name != "tool_calls":
                message[name] = message.get(name, "") + value
                continue
            for piece in value:
                one = called.setdefault(
                    piece["index"], {"type": "function", "function": {"arguments": ""}}
                )
                function = piece["function"]
                arguments = function["arguments"]
                if isinstance(arguments, str):
                    arguments = one["function"]["arguments"] + arguments
                one |= {"id": piece.get("id", one.get("id"))}
                one["function"] = {**one["function"], **function, "arguments": arguments}
    return {**message, **({"tool_calls": list(called.values())} if called else {})}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_what_the_caller_is_told(talk: Talk, name: str, streamed: bool) -> None:
    row = ANSWERS[name]
    body = {"max_tokens": 9, "messages": HI, "stream": streamed, **(row.body or {})}
    if streamed:
        reply = stream(*row.deltas, finish_reason=row.finish, usage=row.counted or USAGE)
    else:
        reply = whole(joined(row.deltas), finish_reason=row.finish, usage=row.counted or USAGE)
    answer = await talk.post(PATH, body, reply)
    assert answer.status_code == 200, answer.text
    told = assembled(events_of(answer)) if streamed else answer.json()
    assert told["content"] == row.content
    assert told["stop_reason"] == row.ending
    assert told["model"] == "m"
    assert told["id"].startswith("msg_")
    for field, value in (row.usage or {}).items():
        assert told["usage"][field] == value, field


COUNTED: dict[str, Callable[[], dict[str, Any]]] = {
    "instructions": lambda: {"system": "Be brief. " * 40},
    "tools": lambda: {"tools": [{**TOOLS[0], "description": "Adds. " * 40}]},
    "a picture": lambda: {"messages": [{"role": "user", "content": [PNG, text("hi")]}]},
    "a picture in a tool's result": lambda: {"messages": after_tools(result(0, [PNG]), result(1))},
    "a document": lambda: {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "document", "source": {"type": "text", "data": "a b " * 40}}],
            }
        ]
    },
    "what a tool returned": lambda: {"messages": after_tools(result(0, "a b " * 40), result(1))},
}


@pytest.mark.parametrize("name", COUNTED)
async def test_counting_leaves_nothing_out(talk: Talk, name: str) -> None:
    async def count(**more: Any) -> int:
        body = {"model": "coe", "messages": HI, **more}
        answer = await talk.caller.post(f"{PATH}/count_tokens?beta=true", body)
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["input_tokens"]
        return found

    assert await count(**COUNTED[name]()) >= await count() + 30


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"mcp_servers": [{"url": "https://x"}]}, "mcp_servers"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
         "messages[0].content[0].source.type"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]},
         "messages[0].content[0].type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"max_tokens": None}, "max_tokens"),
    ],
)  # fmt: skip
async def test_what_cannot_be_honoured_is_refused_by_name(
    talk: Talk, body: dict[str, Any], param: str
) -> None:
    asked = {"model": "vendor", "max_tokens": 9, "messages": HI, **body}
    answer = await talk.caller.post(PATH, asked)
    told = answer.json()
    assert answer.status_code == 400
    assert told["type"] == "error"
    assert (told["error"]["type"], told["error"]["param"]) == ("invalid_request_error", param)
