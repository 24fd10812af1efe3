"""The range of time that a page tells of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

PRESETS: dict[str, tuple[str, str, timedelta]] = {
    "1h": ("1 h", "the hour before", timedelta(hours=1)),
    "24h": ("24 h", "the 24 hours before", timedelta(hours=24)),
    "7d": ("7 d", "the 7 days before", timedelta(days=7)),
    "30d": ("30 d", "the 30 days before", timedelta(days=30)),
}
USUAL = "24h"
CUSTOM = "custom"
_TYPED = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time.

    Args:
        key: Of the presets, or ``custom``.
        since: Its begin.
        until: Its end; ``None``: now, whenever that is.
        before: What it is compared with, in words.
    """

    key: str
    since: datetime
    until: datetime | None
    before: str

    @property
    def moves(self) -> bool:
        """Whether its end is the present, so that what it tells changes by itself."""
        return self.until is None


def range_of(query: Mapping[str, str], zone: tzinfo, now: datetime | None = None) -> Range:
    """Return the range that a page's address asks for; one that makes no sense is the last 24 hours.

    Args:
        query: Its parameters: ``range``, and ``since`` and ``until`` of a custom one.
        zone: Time zone in which those are meant where they name none.
        now: The present.
    """
    now = now or datetime.now(UTC)
    key = query.get("range", USUAL)
    if key == CUSTOM:
        since, until = (_moment(query.get(name, ""), zone) for name in ("since", "until"))
        if since is not None and until is not None and since < until and since < now:
            return Range(CUSTOM, since, until, "as long a time before")
    if key not in PRESETS:
        key = USUAL
    _, before, length = PRESETS[key]
    return Range(key, now - length, None, before)


def typed(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as a field for date and time holds it, in somebody's zone."""
    return moment.astimezone(zone).strftime(_TYPED)


def parameters(range_: Range, zone: tzinfo) -> dict[str, str]:
    """Return the parameters of an address that ask for a range."""
    if range_.key != CUSTOM or range_.until is None:
        return {} if range_.key == USUAL else {"range": range_.key}
    return {
        "range": CUSTOM,
        "since": typed(range_.since, zone),
        "until": typed(range_.until, zone),
    }


def _moment(text: str, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
