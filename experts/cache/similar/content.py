"""What of a request its answer is looked for by, and what has to be the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experts.cache.key import Asked, cache_key
from experts.providers.wire import plain

WAY = "asked-1"
"""Names how :func:`content_of` reads a prompt: similarities of what is read otherwise are of another scale."""
_ASKING = re.compile(
    r"""^(?:(?:hi|hello|hey|please|so|then|and|now|ok|okay|thanks|thank\ you|do\ you\ know|give\ me
    |(?:can|could|would|will)\ you|tell(?:\ me)?|explain(?:\ to\ me)?|show(?:\ me)?|let\ me\ know
    |help\ me(?:\ to)?(?:\ (?:know|understand|find\ out))?
    |i(?:'d|\ would)\ like(?:\ you)?\ to(?:\ (?:know|tell\ me|find\ out))?
    |i\ (?:want|need)(?:\ you)?\ to(?:\ (?:know|tell\ me|find\ out))?|i\ wonder|i'm\ wondering
    )\b[\s,]*)+""",
    re.VERBOSE,
)
_HOW = re.compile(
    r"""^(?:how\ (?:do|does|can|could|should|would|might|shall)\ (?:i|you|we|one|someone|people)
    |what(?:'s|\ is|\ are)\ (?:the|a|some)\ (?:(?:best|easiest|right|proper|correct|good|simplest|quickest
    |fastest)\ )?(?:way|ways|method|steps)\ (?:to|of|for))\b""",
    re.VERBOSE,
)


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
    """Return what a prompt asks, without the words at its beginning by which it only asks.

    Vectors of texts are compared by these as well, and what two frames have in common says nothing. Small words
    further on stay: "when" and "how", or "my" and "your", are all that tells some questions apart.
    """
    plain_text = " ".join(prompt.lower().replace("’", "'").split()).strip(" ?.!")
    asked = _ASKING.sub("", plain_text)
    asked = _HOW.sub("how to", asked).removesuffix(" please").strip(" ,")
    return asked or plain_text
