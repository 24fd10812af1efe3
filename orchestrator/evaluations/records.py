"""What is kept of an evaluation: every answer and every verdict, a line each."""

from __future__ import annotations

from typing import Literal

import msgspec

Winner = Literal["a", "b", "tie", "unclear"]
ANSWERS = {"format": "coe evaluation answers 1"}
VERDICTS = {"format": "coe evaluation verdicts 1"}
"""The first lines of both files: what they hold."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one expert answered to one prompt.

    Args:
        key: Digest of all that the answer depends on: the expert's entry, the conversation, the
            parameters, and which repeat it is.
        prompt: Id of the prompt.
        expert: Who was asked.
        repeat: From 0.
        text: The answer.
        error: Why there is none; empty where there is one.
        read: Tokens of the prompt.
        written: Tokens of the answer.
        nanos: Billionths of a US dollar.
        seconds: It took.
        cut: Whether the answer was cut off because it was as long as it may be.
    """

    key: str
    prompt: str
    expert: str
    repeat: int = 0
    text: str = ""
    error: str = ""
    read: int = 0
    written: int = 0
    nanos: int = 0
    seconds: float = 0.0
    cut: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one judge said of two answers to one prompt.

    Args:
        key: Digest of the judge's entry and of what it was shown; empty where the answers are the same,
            which is a tie that no judge is asked for.
        prompt: Id of the prompt.
        judge: Who judged.
        a: The expert whose answer was shown first.
        b: The other.
        winner: Which is better; ``unclear`` where the judge did not say.
        text: What the judge said.
        error: Why there is no verdict.
        nanos: Billionths of a US dollar.
        seconds: It took.
    """

    key: str
    prompt: str
    judge: str
    a: str
    b: str
    winner: Winner = "unclear"
    text: str = ""
    error: str = ""
    nanos: int = 0
    seconds: float = 0.0

    @property
    def asked(self) -> bool:
        """Whether a judge said so."""
        return bool(self.key)
