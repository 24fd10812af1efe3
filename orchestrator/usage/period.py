"""From when to when usage is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

USUAL = timedelta(days=30)
LONGEST = timedelta(days=366)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class PeriodInvalid(ValueError):
    """This is no period.

    Args:
        field: ``start`` or ``end``.
        reason: What is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment up to another, which is no longer part of it. Both in UTC."""

    start: datetime
    end: datetime


def period_of(start: str | None, end: str | None, now: datetime) -> Period:
    """Return the period between two moments as they are written.

    Args:
        start: A day such as ``2026-03-01`` (its midnight in UTC) or a moment with its time zone;
            ``None``: the 30 days up to the end.
        end: Likewise; the first moment that is not part of it. ``None``: now.
        now: The time.

    Raises:
        PeriodInvalid: Naming what is wrong.
    """
    ends = now if end is None else moment_of(end, "end")
    if ends - EARLIEST < USUAL:
        raise PeriodInvalid("end", "end: lies too far back")
    begins = ends - USUAL if start is None else moment_of(start, "start")
    if begins >= ends:
        raise PeriodInvalid("start", "start: must lie before the end")
    if ends - begins > LONGEST:
        raise PeriodInvalid("start", f"start: at most {LONGEST.days} days before the end")
    return Period(begins, ends)


def moment_of(written: str, field: str) -> datetime:
    """Return a moment as it is written: a day (its midnight in UTC), or with its time zone.

    Args:
        written: The text.
        field: What it is called.

    Raises:
        PeriodInvalid: If it is none.
    """
    try:
        if len(written) == len("2026-03-01"):
            return datetime.combine(date.fromisoformat(written), time(), UTC)
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PeriodInvalid(field, f"{field}: a day such as 2026-03-01, or a moment with its time zone")
