"""Counts what experts read and wrote where they did not count themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from experts.counting import tokenizers
from experts.counting.estimate import estimated_tokens
from experts.counting.habits import Habit
from experts.counting.measure import MESSAGE_TOKENS, Measure, is_text, part_tokens, texts
from experts.providers.protocol import Usage
from experts.providers.wire import UNREADABLE

__all__ = ["MESSAGE_TOKENS", "answer_text", "at_least_written", "counted", "learn", "text_tokens"]

_INLINE_CHARACTERS = 20_000
_LEARNED_CHARACTERS = 4_000
"""What is longer costs too much to be counted only to learn from it."""
_loaded: dict[str, tokenizers.CountTokens] = {}
_UNKNOWN = Habit()
"""Of an expert of which nothing is known; nobody lets it learn."""


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
    habit: Habit | None = None,
) -> Usage:
    """Return the tokens of a call that its expert did not count, marked as estimated.

    Short texts are counted at once, others in a thread, as is what needs a vocabulary not yet read.

    Args:
        model: Name of the model at its provider.
        messages: The conversation, decoded. Anything in it is accepted.
        tools: The request's tools, decoded.
        written: Everything that the expert wrote, reasoning and arguments of tools included.
        habit: How its expert counts, as far as that is known.
    """
    said, described = "\n".join(texts(messages)), _described(tools)

    def measure() -> Measure:
        return Measure(
            len(messages),
            text_tokens(model, said),
            text_tokens(model, described),
            part_tokens(messages),
            text_tokens(model, written),
        )

    at_once = len(said) + len(described) + len(written) <= _INLINE_CHARACTERS and _ready(model)
    found = measure() if at_once else await asyncio.to_thread(measure)
    habit = habit or _UNKNOWN
    return Usage(habit.prompt_tokens(found), habit.answer_tokens(found), estimated=True)


async def at_least_written(
    usage: Usage, model: str, written: str, habit: Habit | None = None
) -> Usage:
    """Return the tokens of an answer that broke off: what its expert said in between may be old.

    Args:
        usage: What the expert said last.
        model: Name of the model at its provider.
        written: What it wrote in all.
        habit: How it counts, as far as that is known.
    """
    ours = (await counted(model, written=written, habit=habit)).completion_tokens
    if ours <= usage.completion_tokens:
        return usage
    return replace(usage, completion_tokens=ours, estimated=True)


def learn(
    habit: Habit, usage: Usage, model: str, *, messages: Sequence[Any], tools: Any, written: str
) -> None:
    """Learn how an expert counts from an answer whose tokens it has counted.

    What is long, or needs a vocabulary that is not in memory, is not learned from: that would take longer than
    it is worth. Nor are images and files, whose tokens depend on what they show.

    Args:
        habit: Of the expert.
        usage: What it counted.
        model: Name of the model at its provider.
        messages: The whole conversation that it read, decoded.
        tools: The tools, decoded.
        written: All that it wrote; empty where that is not known.
    """
    if not _ready(model):
        return
    if messages and is_text(messages) and _shorter(texts(messages)):
        described = _described(tools)
        if len(described) <= _LEARNED_CHARACTERS:
            said = "\n".join(texts(messages))
            text, about = text_tokens(model, said), text_tokens(model, described)
            habit.read(Measure(len(messages), text, about), usage)
    if _shorter((written,)):
        habit.wrote(Measure(written=text_tokens(model, written)), usage)


def answer_text(body: bytes) -> str:
    """Return all that an expert wrote in a whole answer; empty where it is none."""
    try:
        choices = msgspec.json.decode(body)["choices"]
        messages = [choice.get("message") for choice in choices]
    except (*UNREADABLE, LookupError, TypeError, AttributeError):
        return ""
    return "\n".join(texts(messages))


def _described(tools: Any) -> str:
    return msgspec.json.encode(tools).decode() if tools else ""


def _ready(model: str) -> bool:
    """Tell whether nothing has to be read from disk to count for a model."""
    name = tokenizers.tokenizer_name(model)
    return name is None or name in _loaded


def _shorter(pieces: Iterable[str]) -> bool:
    """Tell whether texts are short enough to learn from; no more of them are looked at than that takes."""
    left = _LEARNED_CHARACTERS
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            return False
    return True
