"""What a conductor does in one turn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A call the conductor wants made.

    Args:
        name: Whom it calls, in its own words: a role, a skill, or an expert's id.
        content: The whole instruction, or the code.
        python: Whether the content is code to be run.
        id: Of the tool call it came as; empty where it was written as text.
    """

    name: str
    content: str
    python: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One turn: calls, an answer, both (then the answer is provisional), or neither.

    Args:
        calls: To be made, in order.
        answer: The final answer; ``None`` where none is given.
        faults: What was wrong with calls that cannot be made, in words the conductor can act on.
    """

    calls: tuple[Call, ...] = ()
    answer: str | None = None
    faults: tuple[str, ...] = ()
