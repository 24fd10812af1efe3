"""Where the time of a request went, as its usage record tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.kit import logs_context

_LONGEST_SESSION = 200
_CALL = ("endpoint", "began_ms", "duration_ms")


def timing_of(calls: Sequence[Mapping[str, Any]], *, listed: bool) -> dict[str, Any] | None:
    """Return how long the stages before the calls took, and the one call where it is not listed.

    Args:
        calls: Of experts, as the record would list them.
        listed: Whether it does.
    """
    taken = logs_context.stages()
    found: dict[str, Any] = {}
    if taken is not None and taken[1]:
        found["stages"] = {name: round(seconds * 1000, 3) for name, seconds in taken[1].items()}
    if not listed and calls:
        found["call"] = {name: calls[0][name] for name in _CALL if name in calls[0]}
    return found or None


def session_name(session: str | None) -> str | None:
    """Return what a conversation is called on record: callers choose the name, so not too long."""
    return session[:_LONGEST_SESSION] if session else None
