"""What a scheduler asks to be done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """Answer a request with its model, which is loaded."""

    request: int
    model: str


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model; there is room for it.

    Args:
        model: Which.
        mapped: Whether it is in the tier below already.
        asked: Whether a request waits for it.
    """

    model: str
    mapped: bool
    asked: bool


@dataclass(frozen=True, slots=True)
class Evict:
    """Take a model out; nothing uses it."""

    model: str


Action = Start | Load | Evict
