"""The sandboxed interpreter, as runs see it."""

from __future__ import annotations

from dataclasses import dataclass

from experts.providers.executable import Snippet
from experts.providers.interpreter import Interpreter, InterpreterCrashed


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Runs code that a model wrote.

    Args:
        interpreter: Shared by all runs of a process.
    """

    interpreter: Interpreter

    async def run(self, code: str) -> str:
        """Return what the code printed or came to, or why it stopped."""
        try:
            return await self.interpreter.run(Snippet(code))
        except InterpreterCrashed:
            return "The program was stopped: its process died. Write it in a simpler way."
