"""Counts what experts read and wrote where they did not count themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from experts.counting import tokenizers
from experts.counting.estimate import estimated_tokens
from experts.providers.protocol import Usage
from experts.providers.wire import UNREADABLE, text_of

MESSAGE_TOKENS = 4
"""What marks a message's role and end: three or four in the templates that are published."""
IMAGE_TOKENS = 800
FILE_TOKENS = 1000
_FIRST_TOKENS = 3
_INLINE_CHARACTERS = 20_000
_PART_TOKENS = {
    "image_url": IMAGE_TOKENS,
    "image": IMAGE_TOKENS,
    "input_image": IMAGE_TOKENS,
    "file": FILE_TOKENS,
    "input_file": FILE_TOKENS,
}
_loaded: dict[str, tokenizers.CountTokens] = {}


def text_tokens(model: str, text: str) -> int:
    """Return the tokens of a text, by the model's tokenizer where it is here. May block.

    Args:
        model: Name of the model at its provider; decides the tokenizer.
        text: What it read or wrote.
    """
    name = tokenizers.tokenizer_name(model)
    if name is None or not text:
        return estimated_tokens(text)
    count = _loaded.get(name) or tokenizers.load(name)
    if count is None:
        return estimated_tokens(text)
    _loaded[name] = count
    return count(text)


async def counted(
    model: str,
    *,
    messages: Sequence[Any] = (),
    tools: Any = None,
    written: str = "",
) -> Usage:
    """Return the tokens of a call that its expert did not count, marked as estimated.

    Short texts are counted at once, others in a thread, as is what needs a vocabulary not yet read.

    Args:
        model: Name of the model at its provider.
        messages: The conversation, decoded. Anything in it is accepted.
        tools: The request's tools, decoded.
        written: Everything that the expert wrote, reasoning and arguments of tools included.
    """
    read = "\n".join(_texts(messages))
    if tools:
        read += "\n" + msgspec.json.encode(tools).decode()
    if _at_once(model, len(read) + len(written)):
        prompt, answer = text_tokens(model, read), text_tokens(model, written)
    else:
        prompt, answer = await asyncio.to_thread(
            lambda: (text_tokens(model, read), text_tokens(model, written))
        )
    return Usage(prompt + _frame(messages), answer, estimated=True)


async def at_least_written(usage: Usage, model: str, written: str) -> Usage:
    """Return the tokens of an answer that broke off: what its expert said in between may be old.

    Args:
        usage: What the expert said last.
        model: Name of the model at its provider.
        written: What it wrote in all.
    """
    ours = (await counted(model, written=written)).completion_tokens
    if ours <= usage.completion_tokens:
        return usage
    return replace(usage, completion_tokens=ours, estimated=True)


def answer_text(body: bytes) -> str:
    """Return all that an expert wrote in a whole answer; empty where it is none."""
    try:
        choices = msgspec.json.decode(body)["choices"]
        messages = [choice.get("message") for choice in choices]
    except (*UNREADABLE, LookupError, TypeError, AttributeError):
        return ""
    return "\n".join(_texts(messages))


def _at_once(model: str, characters: int) -> bool:
    name = tokenizers.tokenizer_name(model)
    return characters <= _INLINE_CHARACTERS and (name is None or name in _loaded)


def _frame(messages: Sequence[Any]) -> int:
    """Return the tokens of a conversation that are no text."""
    if not messages:
        return 0
    parts = (part for message in messages for part in _parts(message))
    return (
        _FIRST_TOKENS
        + MESSAGE_TOKENS * len(messages)
        + sum(_PART_TOKENS.get(str(part.get("type")), 0) for part in parts)
    )


def _parts(message: Any) -> list[Mapping[str, Any]]:
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else []
    return [part for part in parts if isinstance(part, Mapping)]


def _texts(messages: Sequence[Any]) -> Iterator[str]:
    """Yield what is said in messages: content, reasoning, refusals, calls of tools."""
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        said = (message.get(name) for name in ("reasoning_content", "reasoning", "refusal"))
        yield from (text for text in said if isinstance(text, str))
        if text := text_of(message.get("content")):
            yield text
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, Mapping) else None
            if isinstance(function, Mapping):
                yield f"{function.get('name')} {function.get('arguments')}"
