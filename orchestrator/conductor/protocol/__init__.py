"""How a conductor says whom to ask and what the answer is: tool calls, or tags in its text."""

from orchestrator.conductor.protocol.move import Call, Move
from orchestrator.conductor.protocol.reading import read_move

__all__ = ["Call", "Move", "read_move"]
