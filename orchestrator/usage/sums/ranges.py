"""Ranges of time made of slots whose sums are kept: days inside, hours and minutes at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = 1, 60, 1440
"""Grains: the minutes that a slot is long."""
GRAINS = (DAY, HOUR, MINUTE)
KEPT = {MINUTE: timedelta(days=3), HOUR: timedelta(days=100)}
"""How long slots are kept; days stay."""
BUCKETS = {
    "minute": MINUTE,
    "5m": 5,
    "15m": 15,
    "hour": HOUR,
    "6h": 6 * HOUR,
    "day": DAY,
    "week": 7 * DAY,
}
"""Minutes of a bucket by its name."""
MOST_BUCKETS = 400
_USUAL_BUCKETS = 100
_MINUTE = timedelta(minutes=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive slots.

    Args:
        grain: Minutes that each is long.
        start: Where the first begins.
        end: Where the last ends.
    """

    grain: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Range:
    """From a moment up to another, both at the beginning of a minute that can be told, in UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


class TooManyBuckets(ValueError):
    """A range is too long for buckets of this length."""


def told(start: datetime, end: datetime, now: datetime) -> Range:
    """Return the shortest range that holds another and is made of slots that are kept.

    Args:
        start: Where it begins.
        end: Where it ends, later.
        now: The time: old minutes and hours are not kept.
    """
    first = floor(start, _grain_at(start, now))
    grain = _grain_at(end, now)
    last = floor(end, grain)
    return Range(first, last if last == end else last + grain * _MINUTE)


def before(range_: Range, now: datetime) -> Range:
    """Return the range as long as this one that ends where it begins, as far as that can be told."""
    return Range(told(range_.start - range_.length, range_.start, now).start, range_.start)


def bucket_of(range_: Range, now: datetime, wanted: int | None = None) -> int:
    """Return how many minutes the buckets of a range are long, where that is not too short to be told.

    Args:
        range_: The range.
        now: The time.
        wanted: Minutes; ``None``: so many that there are up to a hundred buckets.
    """
    minutes = range_.length / _MINUTE
    if wanted is None:
        wanted = next((b for b in BUCKETS.values() if minutes / b <= _USUAL_BUCKETS), 7 * DAY)
    return max(wanted, _grain_at(range_.start, now))


def grain_of(bucket: int) -> int:
    """Return the longest grain that buckets of so many minutes are made of."""
    return next(grain for grain in GRAINS if bucket % grain == 0)


def buckets(range_: Range, bucket: int) -> list[datetime]:
    """Return where the buckets of a range begin; the first begins no later than it.

    Args:
        range_: The range.
        bucket: Minutes.

    Raises:
        TooManyBuckets: If that would be more than :data:`MOST_BUCKETS`.
    """
    first = floor(range_.start, bucket)
    if (range_.end - first) / (bucket * _MINUTE) > MOST_BUCKETS:
        raise TooManyBuckets(f"bucket: would make more than {MOST_BUCKETS}; ask for longer ones")
    found = [first]
    while (following := found[-1] + bucket * _MINUTE) < range_.end:
        found.append(following)
    return found


def pieces(range_: Range, longest: int = DAY) -> list[Piece]:
    """Return the fewest runs of slots that make a range, in order.

    Args:
        range_: From :func:`told`.
        longest: The longest grain to be used, in minutes.
    """
    return list(_pieces(range_.start, range_.end, [one for one in GRAINS if one <= longest]))


def floor(moment: datetime, minutes: int) -> datetime:
    """Return the last moment up to this one at which a slot begins; weeks begin on Mondays."""
    past = (moment - _MONDAY) // (minutes * _MINUTE)
    return _MONDAY + past * minutes * _MINUTE


def _pieces(start: datetime, end: datetime, grains: list[int]) -> Iterator[Piece]:
    if start >= end:
        return
    grain, *finer = grains
    last = floor(end, grain)
    first = floor(start, grain)
    first = first if first == start else first + grain * _MINUTE
    if first >= last:
        if finer:
            yield from _pieces(start, end, finer)
        return
    yield from _pieces(start, first, finer)
    yield Piece(grain, first, last)
    yield from _pieces(last, end, finer)


def _grain_at(moment: datetime, now: datetime) -> int:
    """Return the finest grain whose slots are kept of a time."""
    age = now - moment
    if age < KEPT[MINUTE]:
        return MINUTE
    return HOUR if age < KEPT[HOUR] else DAY
