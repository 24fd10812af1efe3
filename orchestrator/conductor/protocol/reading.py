"""One reading of what a conductor says, whichever way it says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.conductor.protocol.move import Move
from orchestrator.conductor.protocol.published import read_published
from orchestrator.conductor.protocol.tagged import read_tagged
from orchestrator.conductor.protocol.tools import read_tool_calls


def read_move(text: str, tool_calls: Sequence[dict[str, Any]] = ()) -> Move:
    """Read one turn. Tool calls count before tags, tags before the published form.

    Args:
        text: The message's content.
        tool_calls: In OpenAI's wire format.
    """
    by_tool, tagged = read_tool_calls(tool_calls), read_tagged(text)
    calls, faults = by_tool.calls + tagged.calls, by_tool.faults + tagged.faults
    answer = by_tool.answer or tagged.answer
    if calls or faults or answer:
        return Move(calls, answer, faults)
    return read_published(text)
