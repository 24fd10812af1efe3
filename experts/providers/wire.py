"""OpenAI's chat-completions wire: the few things read out of it, and how our own answers are written.

Reading is tolerant (unknown fields, missing fields, numbers written as floats), since vendors add
fields weekly. Writing follows https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from experts.providers.protocol import Usage

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding JSON may raise: broken syntax, bytes that are not UTF-8, nesting without end."""


@dataclass(frozen=True, slots=True)
class Head:
    """What all chunks of one answer have in common.

    Args:
        id: Such as ``chatcmpl-...``.
        created: Unix time in seconds.
        model: Name of the model as the answer states it.
    """

    id: str
    created: int
    model: str


def completion(
    head: Head,
    content: str | None,
    *,
    tool_calls: Sequence[Mapping[str, Any]] = (),
    finish_reason: str = "stop",
    usage: Usage | None = None,
) -> bytes:
    """Write a whole answer as a ``chat.completion`` object."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tool_calls:
        message["tool_calls"] = list(tool_calls)
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    answer = _named(head, "chat.completion") | {"choices": [choice]}
    if usage is not None:
        answer["usage"] = usage_fields(usage)
    return msgspec.json.encode(answer)


def chunk(head: Head, delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    """Write one piece of an answer as a ``chat.completion.chunk`` object."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return msgspec.json.encode(_named(head, "chat.completion.chunk") | {"choices": [choice]})


def usage_chunk(head: Head, usage: Usage) -> bytes:
    """Write the chunk that ends a stream's content: no choices, only usage."""
    counts: dict[str, Any] = {"choices": [], "usage": usage_fields(usage)}
    return msgspec.json.encode(_named(head, "chat.completion.chunk") | counts)


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Return usage as the wire names it."""
    fields: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    if usage.cached_tokens:
        fields["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens:
        fields["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return fields


def read_usage(fields: object) -> Usage | None:
    """Read a ``usage`` object; ``None`` where it does not count both directions."""
    if not isinstance(fields, Mapping):
        return None
    prompt = _count(fields.get("prompt_tokens"))
    answer = _count(fields.get("completion_tokens"))
    if prompt is None or answer is None:
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=answer,
        cached_tokens=_detail(fields, "prompt_tokens_details", "cached_tokens")
        or _count(fields.get("prompt_cache_hit_tokens"))
        or 0,
        reasoning_tokens=_detail(fields, "completion_tokens_details", "reasoning_tokens"),
    )


def plain(value: Any) -> Any:
    """Return a field's value, decoded if it is still bytes.

    Raises:
        ValueError: If the bytes are not JSON.
    """
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def read_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the request's messages as dictionaries, decoding them where they are still bytes.

    Raises:
        ValueError: If they are not a list of objects.
    """
    messages = plain(body.get("messages"))
    messages = [plain(one) for one in messages] if isinstance(messages, list) else messages
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise ValueError("'messages' is not a list of objects")
    return messages


def text_of(content: object) -> str:
    """Return the text of a message's content: a string, or the text parts of an array."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last message of role ``user``, or an empty string."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def _named(head: Head, kind: str) -> dict[str, Any]:
    return {"id": head.id, "object": kind, "created": head.created, "model": head.model}


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 1e15 else None


def _detail(fields: Mapping[Any, Any], group: str, name: str) -> int:
    details = fields.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, Mapping) else 0
