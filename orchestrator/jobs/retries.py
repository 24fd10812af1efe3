"""When an item that failed is tried again: a pure function."""

from __future__ import annotations

MOST_ATTEMPTS = 10
"""Of one item; over about eight minutes, with what an overloaded expert asks for on top."""
_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0


def pause_before(attempt: int, chance: float, asked: float | None = None) -> float | None:
    """Return the seconds until an item is tried again, ``None`` if it is not.

    Exponential, and drawn from the upper half so that items do not come back all at once.

    Args:
        attempt: How often it has been tried.
        chance: From 0 to 1, by lot.
        asked: Seconds that the expert asked to be left alone, if it did.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** (attempt - 1))
    return max(longest * (0.5 + chance / 2), asked or 0.0)
