"""What of a request its answer is looked for by, and what has to be the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experts.cache.key import Asked, cache_key
from experts.providers.wire import plain

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FRAME = """
how do does did i you me we us they what is are was were the best way ways to can could would should
shall will may might tell like please explain a an of my your our for from with on in into at and
whether if that it this these those there here when where who whom which whose one about as by or be
been being am have has had let know want need wish help give show some any just so then hi hello
hey thanks thank
"""
_FRAMES = frozenset(_FRAME.split())
"""English words that frame a question rather than say what it is about."""


class Prompt(NamedTuple):
    """A request taken apart.

    Args:
        text: What it asks: its last message.
        rest: A digest of all else that its answer depends on, tenant and expert included.
    """

    text: str
    rest: bytes


def prompt_of(asked: Asked, fields: Mapping[str, Any]) -> Prompt | None:
    """Take a request apart; ``None`` where its last message is not a user's plain text.

    Two requests whose ``rest`` differs never share an answer: system prompt, earlier messages, tools,
    format and parameters are part of it.

    Args:
        asked: Who is asked.
        fields: The request by field; values are plain or ``msgspec.Raw``.

    Raises:
        ValueError: If a field is not JSON.
    """
    messages: Any = plain(fields.get("messages"))
    if not isinstance(messages, Sequence) or not messages:
        return None
    last = messages[-1]
    if not isinstance(last, Mapping) or last.get("role") != "user":
        return None
    text = last.get("content")
    if not isinstance(text, str) or not text.strip():
        return None
    rest = [*messages[:-1], {**last, "content": None}]
    return Prompt(text, cache_key(asked, {**fields, "messages": rest, "similar": True}))


def content_of(prompt: str) -> str:
    """Return what a prompt is about: its words without those that only frame a question.

    Vectors of texts are compared by this as well: what two frames have in common says nothing.
    """
    words = [word for word in _WORD.findall(prompt.lower()) if word not in _FRAMES]
    return " ".join(words) or prompt.lower()
