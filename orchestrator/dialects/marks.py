"""Cache marks: where a prompt may be cut for its vendor's cache, as Anthropic's clients say it.

Chat completions have no word for it, and OpenAI refuses what it does not know. litellm takes the same
word at parts, tools and results for Anthropic's models, wherever they are hosted, so a request is kept
in both readings: with marks for these, without for all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARK = "cache_control"

Message = dict[str, Any]
Part = dict[str, Any]


def mark_of(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block's mark as a field to be added, nothing where it has none."""
    mark = block.get(MARK)
    return {MARK: mark} if isinstance(mark, dict) else {}


def instruction(parts: list[Part]) -> str | list[Part]:
    """Return the content of an instruction: one text, or its parts where one is marked."""
    if any(MARK in part for part in parts):
        return parts
    return "\n\n".join(part["text"] for part in parts)


def simplified(parts: list[Part]) -> str | list[Part]:
    """Return content as a plain string where it is one text: every server takes that."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def unmarked(messages: list[Message]) -> list[Message]:
    """Return messages without their marks, as they would be had there been none."""
    return [_message(message) for message in messages]


def without_marks(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return tools without their marks."""
    return [_without(tool) for tool in tools]


def _message(message: Message) -> Message:
    plain, content = _without(message), message.get("content")
    if isinstance(content, list):
        parts = [_without(part) for part in content]
        to_content = instruction if message["role"] == "system" else simplified
        plain["content"] = to_content(parts)
    return plain


def _without(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != MARK}
