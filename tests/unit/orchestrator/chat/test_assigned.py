"""Which chat requests a strategy can answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.chat.assigned import ignored, refused
from orchestrator.chat.request import ChatRequest, parse_chat

HELLO = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "f"}}


def parsed(**more: Any) -> ChatRequest:
    return parse_chat(json.dumps({"model": "coe", "messages": [HELLO], **more}).encode())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"temperature": 0.5, "top_p": 0.9, "seed": 1},
        {"max_tokens": 10, "max_completion_tokens": 10},
        {"user": "me", "metadata": {"a": "b"}, "store": True},
        {"n": 1, "logprobs": False, "tools": [], "tool_choice": "none", "stop": None},
        {"modalities": ["text"], "response_format": {"type": "text"}, "presence_penalty": 0.0},
        {"coe": {"explain": True, "max_cost": 0.1, "checks": [{"units": True}]}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
    ],
)
def test_what_a_strategy_takes(more: dict[str, Any]) -> None:
    assert ignored(parsed(**more)) is None
    assert refused(parsed(**more)) is None


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"tools": [TOOL]}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
    ],
)
def test_another_form_of_answer_is_refused(more: dict[str, Any], name: str) -> None:
    assert refused(parsed(**more)) == name
    assert ignored(parsed(**more)) == name


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"stop": ["x"]}, "stop"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"of_tomorrow": 1}, "of_tomorrow"),
        ({"coe": {"quality_floor": 0.5}}, "coe.quality_floor"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": [HELLO, {"role": "tool", "content": "4"}]}, "messages"),
        ({"messages": [HELLO, {"role": "assistant", "tool_calls": [TOOL]}]}, "messages"),
    ],
)
def test_what_a_strategy_would_ignore_is_named(more: dict[str, Any], name: str) -> None:
    assert ignored(parsed(**more)) == name
    assert refused(parsed(**more)) is None
