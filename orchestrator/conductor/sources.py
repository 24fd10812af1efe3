"""Passages that come with a task, in order of trust ("Knowledge Preference", "Context Sensitivity")."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.conductor import prompts
from orchestrator.conductor.values import Message


def with_sources(messages: Sequence[Message], passages: Sequence[str]) -> tuple[Message, ...]:
    """Return a task's messages, led by its passages and the order in which to trust them.

    That order is stated, not hoped for: the user before the passages before memory.

    Args:
        messages: The conversation.
        passages: The most trusted first.
    """
    if not passages:
        return tuple(messages)
    listed = "\n\n".join(f"[{place}] {text}" for place, text in enumerate(passages, 1))
    system: Message = {"role": "system", "content": prompts.SOURCES.format(passages=listed)}
    return (system, *messages)
