"""What of a call its tokens depend on, as far as it can be told without its expert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experts.providers.wire import text_of

FIRST_TOKENS = 3
MESSAGE_TOKENS = 4
"""What marks a message's role and end: three or four in the templates that are published."""
IMAGE_TOKENS = 800
FILE_TOKENS = 1000
_PART_TOKENS = {
    "image_url": IMAGE_TOKENS,
    "image": IMAGE_TOKENS,
    "input_image": IMAGE_TOKENS,
    "file": FILE_TOKENS,
    "input_file": FILE_TOKENS,
}


@dataclass(frozen=True, slots=True)
class Measure:
    """What was read and written, before anything is known of how its expert counts.

    Args:
        messages: How many.
        text: Tokens of what they say.
        tools: Tokens of the tools' description.
        other: Tokens of images and files, roughly.
        written: Tokens of what was written.
    """

    messages: int = 0
    text: int = 0
    tools: int = 0
    other: int = 0
    written: int = 0


def is_text(messages: Sequence[Any]) -> bool:
    """Tell whether messages hold nothing but text."""
    return all(part.get("type") == "text" for message in messages for part in _parts(message))


def part_tokens(messages: Sequence[Any]) -> int:
    """Return about how many tokens the images and files in messages are."""
    parts = (part for message in messages for part in _parts(message))
    return sum(_PART_TOKENS.get(str(part.get("type")), 0) for part in parts)


def texts(messages: Sequence[Any]) -> Iterator[str]:
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


def _parts(message: Any) -> list[Mapping[str, Any]]:
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else []
    return [part for part in parts if isinstance(part, Mapping)]
