"""What an examination finds, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "warning", "error"]

_ORDER: tuple[State, ...] = ("ok", "note", "warning", "error")
_EXIT_CODES = {"ok": 0, "note": 0, "warning": 1, "error": 2}
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: What was looked at.
        state: ``ok``; ``note``: worth knowing; ``warning``: it will hurt one day; ``error``: it hurts.
        seen: What was seen, in one sentence.
        advice: What to do, where there is something to do.
    """

    check: str
    state: State
    seen: str
    advice: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """Return the state of the worst finding; ``ok`` where there is none."""
    return max((one.state for one in findings), key=_ORDER.index, default="ok")


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0 if nothing is wrong, 1 if there are warnings, 2 if there are errors."""
    return _EXIT_CODES[worst(findings)]


def named(ids: Sequence[str]) -> str:
    """Return a few ids by name and the others by number."""
    shown = ", ".join(ids[:_MOST_NAMES])
    more = len(ids) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def size(count: float) -> str:
    """Return bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
