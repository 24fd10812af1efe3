"""Cache marks reach those who know them, and nobody else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from experts.catalogue.expert import Endpoint, Expert
from orchestrator.dialects.messages.request import read_request

MARK = {"cache_control": {"type": "ephemeral"}}
CLAUDE = Expert(id="c", provider="litellm", model="bedrock/anthropic.claude-haiku-5-5")
GEMINI = Expert(id="g", provider="litellm", model="gemini/gemini-3.8-flash")
SERVER = Expert(
    id="s", provider="openai", model="claude", endpoints=(Endpoint(url="https://x.test/v1"),)
)
CALL = {"type": "tool_use", "id": "a", "name": "f", "input": {}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def fields(experts: list[Expert], **body: Any) -> dict[str, Any]:
    asked = {
        "model": "coe",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
        **body,
    }
    chat = read_request(msgspec.json.encode(asked)).chat
    return {name: msgspec.json.decode(raw) for name, raw in chat.fields_for(experts).items()}


BODY: dict[str, Any] = {
    "system": [text("a"), text("b", **MARK)],
    "messages": [
        {"role": "user", "content": [text("hi", **MARK)]},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1", **MARK}]},
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}, **MARK}],
}  # fmt: skip


def test_those_who_know_marks_get_them() -> None:
    sent = fields([CLAUDE, CLAUDE], **BODY)
    system, asked, _, result = sent["messages"]
    assert system["content"] == [text("a"), text("b", **MARK)]
    assert asked["content"] == [text("hi", **MARK)]
    assert result == {"role": "tool", "tool_call_id": "a", "content": "1", **MARK}
    assert sent["tools"][0]["cache_control"] == MARK["cache_control"]


@pytest.mark.parametrize("experts", [[GEMINI], [SERVER], [CLAUDE, SERVER]])
def test_where_somebody_does_not_nobody_gets_them(experts: list[Expert]) -> None:
    sent = fields(experts, **BODY)
    assert "cache_control" not in str(sent)
    assert [message["content"] for message in sent["messages"]] == ["a\n\nb", "hi", None, "1"]


def test_without_marks_all_get_the_same() -> None:
    messages = [{"role": "user", "content": [text("a"), text("b")]}]
    body = {"model": "coe", "max_tokens": 9, "messages": messages}
    chat = read_request(msgspec.json.encode(body)).chat
    assert not chat.marked
    assert chat.fields_for([CLAUDE]) is chat.fields
