"""OpenAI's chat-completions wire: the few things read out of it, and how our own answers are written.

Reading is tolerant (unknown fields, missing fields, numbers written as floats), since vendors add
fields weekly. Writing follows https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from experts.providers.protocol import Usage

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding JSON may raise: broken syntax, bytes that are not UTF-8, nesting without end."""
MOST_TOKENS = 100_000_000
"""More of them than any model reads or writes in one call."""

_CACHED = (
    ("prompt_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cache_read_input_tokens",),
)
_CACHE_WRITTEN = (
    ("cache_creation_input_tokens",),
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
)
_REASONING = (("completion_tokens_details", "reasoning_tokens"), ("reasoning_tokens",))


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
    thought: str | None = None,
    tool_calls: Sequence[Mapping[str, Any]] = (),
    finish_reason: str = "stop",
    usage: Usage | None = None,
) -> bytes:
    """Write a whole answer as a ``chat.completion`` object."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thought is not None:
        message["reasoning_content"] = thought
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
    if usage.cached_tokens or usage.cache_write_tokens:
        fields["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.cache_write_tokens:
        fields["cache_creation_input_tokens"] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        fields["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return fields


def read_usage(fields: object, service_tier: object = None) -> Usage | None:
    """Read a ``usage`` object; ``None`` where it does not count both directions, or not credibly.

    A number that is negative, broken, text or beyond any model is not believed, nor are parts that
    are larger than what they are part of: then nothing that stands there is, and the caller counts.

    Vendors differ in what they call the parts: OpenAI and most others nest ``cached_tokens`` and
    ``reasoning_tokens``, DeepSeek says ``prompt_cache_hit_tokens``, Anthropic (through litellm, which
    adds both to the prompt) ``cache_read_input_tokens`` and ``cache_creation_input_tokens``. Some
    leave reasoning out of the answer's tokens or the cache out of the prompt's, which their total
    gives away.

    Args:
        fields: The object.
        service_tier: That stands beside it, as OpenAI has it; Anthropic has it within.
    """
    if not isinstance(fields, Mapping):
        return None
    try:
        prompt, answer = _count(fields["prompt_tokens"]), _count(fields["completion_tokens"])
        cached = _first(fields, _CACHED)
        written = _first(fields, _CACHE_WRITTEN)
        reasoning = _first(fields, _REASONING)
    except (KeyError, ValueError):
        return None
    total = fields.get("total_tokens")
    if reasoning and total == prompt + answer + reasoning:
        answer += reasoning
    if cached + written and total == prompt + answer + cached + written:
        prompt += cached + written
    if cached + written > prompt or reasoning > answer:
        return None
    tier = service_tier or fields.get("service_tier")
    return Usage(
        prompt,
        answer,
        cached,
        reasoning,
        written,
        service_tier=tier if isinstance(tier, str) else "",
    )


def read_embedding_usage(fields: object) -> Usage | None:
    """Read the ``usage`` of embeddings, which counts what was read only."""
    if not isinstance(fields, Mapping):
        return None
    return read_usage({"prompt_tokens": fields.get("prompt_tokens"), "completion_tokens": 0})


def embeddings(
    model: str, vectors: Sequence[Sequence[float]], tokens: int, *, base64: bool
) -> bytes:
    """Write vectors as a ``list`` of ``embedding`` objects.

    Args:
        model: Name of the model as the answer states it.
        vectors: One for each input.
        tokens: Read.
        base64: Whether vectors are 32-bit little-endian floats in base64, not arrays of numbers.
    """
    data = [
        {"object": "embedding", "index": index, "embedding": packed(one) if base64 else list(one)}
        for index, one in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def packed(vector: Sequence[float]) -> str:
    """Return a vector as 32-bit little-endian floats in base64."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


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


def _count(value: object) -> int:
    """Return a number of tokens.

    Raises:
        ValueError: If it cannot be one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")  # noqa: TRY004 (to its callers it is one kind of wrong)
    if not 0 <= value <= MOST_TOKENS or value != int(value):
        raise ValueError("not a credible number of tokens")
    return int(value)


def _first(fields: Mapping[Any, Any], paths: Sequence[tuple[str, ...]]) -> int:
    """Return the first count that stands at one of these places and is not zero, else zero."""
    for path in paths:
        value: Any = fields
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None and (count := _count(value)):
            return count
    return 0
