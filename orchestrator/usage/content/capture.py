"""What is kept of a request: as much as its tenant lets, redacted before it goes anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.tenants.content import ContentChoice
from orchestrator.usage.content.redaction import redacted, redacted_value

MOST_BYTES = 256 * 1024
_INLINE_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Content:
    """What is kept of one request, redacted.

    Args:
        text: What the router looked at, for training; ``None``: nothing is kept.
        prompt: The messages as JSON.
        answer: What was answered.
    """

    text: str | None = None
    prompt: str | None = None
    answer: str | None = None


NO_CONTENT = Content()


async def captured(
    choice: ContentChoice, *, text: str, messages: Sequence[Any], answer: str = ""
) -> Content:
    """Return what a tenant lets be kept of a request. Long texts are redacted in a thread.

    Args:
        choice: The tenant's.
        text: What the router looked at.
        messages: The conversation, decoded.
        answer: What was answered.
    """
    if not choice.stores:
        return NO_CONTENT
    size = len(text) + len(answer) + sum(len(str(message)) for message in messages)
    if size <= _INLINE_CHARACTERS:
        return content_of(choice, text, messages, answer)
    return await asyncio.to_thread(content_of, choice, text, messages, answer)


def content_of(choice: ContentChoice, text: str, messages: Sequence[Any], answer: str) -> Content:
    """Return the same at once; see :func:`captured`."""
    patterns = choice.patterns
    return Content(
        text=redacted(text, patterns),
        prompt=_prompt(redacted_value(list(messages), patterns)),
        answer=_cut(redacted(answer, patterns)) if choice.level == "all" else None,
    )


def _prompt(messages: list[Any]) -> str:
    """Return messages as JSON; of a long conversation the last ones, and how many are missing."""
    encoded = [_json(message) for message in messages]
    room, kept = MOST_BYTES, len(encoded)
    while kept and room >= len(encoded[kept - 1]):
        kept -= 1
        room -= len(encoded[kept])
    left_out = [_json({"role": "system", "content": f"[{kept} earlier messages]"})] if kept else []
    return "[" + ",".join(left_out + encoded[kept:]) + "]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_BYTES else f"{text[:MOST_BYTES]} [{len(text)} characters]"
