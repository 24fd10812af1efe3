"""Moments as they stand in a query."""

from __future__ import annotations

from datetime import date, datetime

Moment = date | datetime | str
"""A day, or a moment with a time zone."""


def written(moment: Moment | None, name: str) -> str | None:
    """Return a moment as text.

    Raises:
        ValueError: It has no time zone.
    """
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError(f"{name} needs a time zone")
    return moment.isoformat() if isinstance(moment, date) else moment
