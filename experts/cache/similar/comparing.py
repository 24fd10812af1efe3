"""Whether two answers say the same. Pure.

Errs towards no: an answer that is taken for another costs calls, one that is taken for the same would teach
that wrong answers are right.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from experts.cache.entry import Entry
from experts.cache.forms import AnswerUnreadable, whole_of
from experts.cache.similar.content import content_of
from experts.cache.similar.embeds import Embeds
from experts.cache.similar.guards import kept_apart

_ALIKE = 0.9
"""Cosine of what two answers are about from which they say the same, if no fact keeps them apart."""


def said_in(entry: Entry) -> tuple[str, str] | None:
    """Return the text of a kept answer, and its tool calls as JSON; ``None`` where it cannot be read.

    Of an answer with several choices, all of them together.
    """
    try:
        answer = msgspec.json.decode(whole_of(entry))
        messages = [choice["message"] for choice in answer["choices"]]
    except (AnswerUnreadable, msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return None
    text = "\n".join(str(one.get("content") or "") for one in messages)
    return text, msgspec.json.encode([_calls(one) for one in messages]).decode()


def say_the_same(one: tuple[str, str], other: tuple[str, str], embed: Embeds) -> bool:
    """Tell whether two answers say the same: the same calls of tools, and the same in words.

    Args:
        one: An answer, as :func:`said_in` returns it.
        other: Another.
        embed: Tells how alike two texts are.
    """
    (text, calls), (other_text, other_calls) = one, other
    if calls != other_calls:
        return False
    if _plain(text) == _plain(other_text):
        return True
    if kept_apart(text, other_text) is not None:
        return False
    vectors = embed([content_of(text), content_of(other_text)])
    return float(np.dot(vectors[0], vectors[1])) >= _ALIKE


def _calls(message: dict[str, Any]) -> list[Any]:
    return [call.get("function") for call in message.get("tool_calls") or ()]


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .!")
