"""Keeps a conversation within an expert's context window."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from orchestrator.conductor.values import Message

_CHARACTERS_PER_TOKEN = 4
_SHARE = 0.7
"""Of the window that the conversation may fill; the rest is for the answer."""
_KEPT = 200
"""Characters that stay of a message that is folded."""
_NOTED = "Noted; see below."
_FIRST, _LAST = 2, 4
"""Messages at the beginning (system, task) and the end that stay as they are."""


def folded(messages: Sequence[Message], window: int) -> list[Message]:
    """Shorten the messages in the middle, oldest first, until all fit.

    Args:
        messages: The conversation.
        window: Tokens of the expert's context; 0 for unknown: nothing is folded.
    """
    kept = with_replies(messages)
    if not window:
        return kept
    limit = int(window * _SHARE * _CHARACTERS_PER_TOKEN)
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


def with_replies(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation in which every tool call has its reply, as OpenAI's wire wants it.

    A call that could not be made, and a final answer that something followed, have none of their own.
    """
    found: list[Message] = []
    for place, message in enumerate(messages):
        found.append(message)
        calls = message.get("tool_calls") or ()
        if not calls:
            continue
        replies = takewhile(lambda reply: reply.get("role") == "tool", messages[place + 1 :])
        replied = {reply.get("tool_call_id") for reply in replies}
        found += [
            {"role": "tool", "tool_call_id": str(call.get("id", "")), "content": _NOTED}
            for call in calls
            if str(call.get("id", "")) not in replied
        ]
    return found


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
