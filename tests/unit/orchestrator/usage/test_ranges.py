"""Ranges of time are made of slots without gap or overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.usage.sums.ranges import (
    BUCKETS,
    DAY,
    GRAINS,
    HOUR,
    KEPT,
    MINUTE,
    Range,
    TooManyBuckets,
    before,
    bucket_of,
    buckets,
    floor,
    grain_of,
    pieces,
    told,
)

NOW = datetime(2026, 3, 10, 14, 23, 45, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(seconds=1), timedelta(days=500)).map(lambda age: NOW - age)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[datetime, datetime]:
    one, other = draw(MOMENTS), draw(MOMENTS | st.just(NOW))
    return min(one, other), max(one, other) + timedelta(microseconds=1)


@given(ranges(), st.sampled_from(GRAINS))
def test_pieces_make_the_range(asked: tuple[datetime, datetime], longest: int) -> None:
    range_ = told(*asked, NOW)
    assert range_.start <= asked[0]
    assert range_.end >= asked[1]
    made = pieces(range_, max(longest, MINUTE))
    assert (made[0].start, made[-1].end) == (range_.start, range_.end)
    assert all(one.end == other.start for one, other in pairwise(made))
    assert all(one.grain <= longest for one in made)
    for one in made:
        assert floor(one.start, one.grain) == one.start < one.end == floor(one.end, one.grain)


@given(ranges())
def test_no_slot_is_asked_for_that_is_no_longer_kept(asked: tuple[datetime, datetime]) -> None:
    range_ = told(*asked, NOW)
    for range_told in (range_, before(range_, NOW)):
        for piece in pieces(range_told):
            if piece.grain in KEPT:
                assert piece.start >= NOW - KEPT[piece.grain] - timedelta(days=1)


@given(ranges())
def test_there_are_few_pieces(asked: tuple[datetime, datetime]) -> None:
    assert len(pieces(told(*asked, NOW))) <= 5


@given(ranges())
def test_buckets_cover_the_range(asked: tuple[datetime, datetime]) -> None:
    range_ = told(*asked, NOW)
    bucket = bucket_of(range_, NOW)
    starts = buckets(range_, bucket)
    assert starts[0] <= range_.start < starts[0] + timedelta(minutes=bucket)
    assert starts[-1] < range_.end <= starts[-1] + timedelta(minutes=bucket)
    assert bucket % grain_of(bucket) == 0
    assert len(starts) <= 102


@pytest.mark.parametrize(
    ("span", "bucket"),
    [
        (timedelta(hours=1), MINUTE),
        (timedelta(hours=6), 5),
        (timedelta(hours=24), 15),
        (timedelta(days=3), HOUR),
        (timedelta(days=7), 6 * HOUR),
        (timedelta(days=30), DAY),
        (timedelta(days=365), 7 * DAY),
    ],
)
def test_buckets_suit_the_range(span: timedelta, bucket: int) -> None:
    assert bucket_of(Range(NOW - span, NOW), NOW) == bucket


def test_old_minutes_are_not_told_apart() -> None:
    old = NOW - timedelta(days=9)
    range_ = told(old, old + timedelta(hours=1), NOW)
    begins = old.replace(minute=0, second=0)
    assert range_ == Range(begins, begins + timedelta(hours=2))
    assert bucket_of(range_, NOW, MINUTE) == HOUR


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(TooManyBuckets, match="400"):
        buckets(Range(NOW - timedelta(days=1), NOW), MINUTE)


def test_weeks_begin_on_mondays() -> None:
    assert floor(NOW, BUCKETS["week"]).weekday() == 0
