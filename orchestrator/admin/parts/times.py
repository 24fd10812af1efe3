"""Moments on a page: how long ago, and exactly when for whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from orchestrator.admin.parts.markup import Markup, tag
from orchestrator.admin.parts.numbers import NOTHING, ago, moment


def when(at: datetime | float | None, zone: tzinfo, now: datetime | None = None) -> Markup:
    """Return a moment as how long ago or ahead it is; pointing at it tells exactly when.

    Args:
        at: The moment, or seconds since 1970; ``None``: there is none.
        zone: Of whoever looks.
        now: What it is held against; ``None``: the present.
    """
    if at is None:
        return tag("span", NOTHING, class_="faint")
    known = datetime.fromtimestamp(at, UTC) if isinstance(at, (int, float)) else at
    exact = moment(known, zone)
    return tag(
        "time",
        ago(known, now or datetime.now(UTC)),
        datetime=known.isoformat(),
        title=exact,
        class_="nowrap",
    )
