"""Keeps a conversation within an expert's context window."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.conductor.values import Message

_CHARACTERS_PER_TOKEN = 4
_SHARE = 0.7
"""Of the window that the conversation may fill; the rest is for the answer."""
_KEPT = 200
"""Characters that stay of a message that is folded."""
_FIRST, _LAST = 2, 4
"""Messages at the beginning (system, task) and the end that stay as they are."""


def folded(messages: Sequence[Message], window: int) -> list[Message]:
    """Shorten the messages in the middle, oldest first, until all fit.

    Args:
        messages: The conversation.
        window: Tokens of the expert's context; 0 for unknown: nothing is folded.
    """
    kept = list(messages)
    limit = int(window * _SHARE) * _CHARACTERS_PER_TOKEN
    if not limit:
        return kept
    for place in range(_FIRST, len(kept) - _LAST):
        if sum(map(_length, kept)) <= limit:
            break
        kept[place] = _short(kept[place])
    for place in range(len(kept)):  # still too long: whatever is longest of the rest
        over = sum(map(_length, kept)) - limit
        if over <= 0:
            break
        longest = max(range(len(kept)), key=lambda index: _length(kept[index]))
        kept[longest] = _cut(kept[longest], max(_length(kept[longest]) - over, _KEPT))
        del place
    return kept


def _length(message: Message) -> int:
    return len(str(message.get("content") or ""))


def _short(message: Message) -> Message:
    content = str(message.get("content") or "")
    if len(content) <= _KEPT:
        return message
    return {**message, "content": f"{content[:_KEPT]} [... shortened]"}


def _cut(message: Message, length: int) -> Message:
    content = str(message.get("content") or "")
    half = length // 2
    return {**message, "content": f"{content[:half]}\n[... shortened]\n{content[-half:]}"}
