"""Whatever stands at any place of a request, it is read or refused with a reason: no bug is met."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from orchestrator.dialects.embeddings import request as embeddings
from orchestrator.dialects.messages import request as messages
from orchestrator.dialects.responses import request as responses
from orchestrator.kit.errors import ApiError

STRANGE: list[Any] = [
    None, True, 0, -1, 2.5, 10**30, "", "x", "\x00", [], [[]], [None], ["x"], [{}],
    {}, {"type": []}, {"type": "text"}, {"type": "x", "text": {}},
]  # fmt: skip

PICTURE = "data:image/png;base64,aGk="
SOURCE = {"type": "base64", "media_type": "image/png", "data": "aGk="}
RESPONSE = {
    "model": "coe",
    "instructions": "Be kind.",
    "input": [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "Look."},
            {"type": "input_image", "image_url": PICTURE, "detail": "low"},
            {"type": "input_file", "file_data": PICTURE, "filename": "a.png"},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "content": []},
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "I see."}, {"type": "refusal", "refusal": "No."}]},
        {"type": "function_call", "call_id": "a", "name": "see", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": [
            {"type": "input_text", "text": "Seen."}]},
    ],
    "tools": [{"type": "function", "name": "see", "parameters": {}, "strict": True,
               "description": "Sees."}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto",
                    "tools": [{"type": "function", "name": "see"}]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 5, "top_logprobs": 2, "include": ["x"], "stream": True,
    "temperature": 0.5, "coe": {"explain": True, "max_cost": 1},
}  # fmt: skip
MESSAGE = {
    "model": "coe",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "Be kind."}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "Look."},
            {"type": "image", "source": SOURCE},
            {"type": "image", "source": {"type": "url", "url": "https://x.example"}},
            {"type": "document", "title": "t", "source": {"type": "text", "data": "x"}},
            {"type": "document", "source": {"type": "content", "content": [
                {"type": "text", "text": "x"}]}},
            {"type": "document", "title": "t", "source": SOURCE}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "I see."},
            {"type": "tool_use", "id": "a", "name": "see", "input": {"a": 1}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "is_error": True, "content": [
                {"type": "text", "text": "Seen."}]}]},
        {"role": "system", "content": "Hurry."},
    ],
    "tools": [{"name": "see", "description": "Sees.", "input_schema": {}, "strict": True}],
    "tool_choice": {"type": "tool", "name": "see", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 5, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "stop_sequences": ["END"], "stream": True, "coe": {"explain": True, "max_cost": 1},
}  # fmt: skip
VECTORS = {
    "model": "e",
    "input": ["one", [1, 2]],
    "encoding_format": "float",
    "dimensions": 4,
    "coe": {"explain": True},
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value but its top."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inner if isinstance(value, dict | list) else ():
        yield (*at, name)
        yield from places(part, (*at, name)) if isinstance(part, dict | list) else ()


def changed(body: Any, at: tuple[Any, ...], value: Any) -> bytes:
    """A body with something else at one of its places."""
    copied = copy.deepcopy(body)
    inner = copied
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = value
    return msgspec.json.encode(copied)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (responses.read_request, RESPONSE),
        (messages.read_request, MESSAGE),
        (embeddings.read_request, VECTORS),
    ],
    ids=["responses", "messages", "embeddings"],
)
def test_anything_anywhere(read: Callable[[bytes], Any], body: dict[str, Any]) -> None:
    read(msgspec.json.encode(body))
    refused = 0
    for at in places(body):
        for value in STRANGE:
            try:
                read(changed(body, at, value))
            except ApiError as error:
                refused += 1
                assert error.status == 400
                assert error.message
    assert refused > len(STRANGE)
