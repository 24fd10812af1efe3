"""Histograms that are numbers: their percentiles are nearly those of the times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.usage.sums.histogram import BOUNDS, LAST, PER_OCTAVE, counts_of, percentiles

TIMES = st.lists(st.floats(1.0, 1_000_000.0), min_size=1, max_size=60)
WIDTH = 2 ** (1 / PER_OCTAVE)


def number_of(times: list[float]) -> str:
    """Return the histogram as the database makes it: a sum of powers of ten."""
    places = (min(math.floor(PER_OCTAVE * math.log2(max(one, 1.0))), LAST) for one in times)
    return str(sum(10 ** (12 * place) for place in places))


@given(TIMES, st.floats(0.01, 1.0))
def test_a_percentile_is_at_most_a_bucket_off(times: list[float], share: float) -> None:
    found = percentiles(counts_of(number_of(times)), (share,))[0]
    true = sorted(times)[math.ceil(share * len(times)) - 1]
    assert found is not None
    if true < BOUNDS[LAST]:
        assert true / WIDTH / 1.001 <= max(found, 1.0) <= true * WIDTH * 1.001
    else:
        assert found == BOUNDS[LAST]


@given(TIMES, TIMES)
def test_the_sum_of_two_is_the_histogram_of_both(one: list[float], other: list[float]) -> None:
    together = str(int(number_of(one)) + int(number_of(other)))
    assert counts_of(together) == counts_of(number_of(one + other))
    assert sum(counts_of(together).values()) == len(one) + len(other)


@pytest.mark.parametrize("empty", ["0", ""])
def test_of_no_times_there_are_no_percentiles(empty: str) -> None:
    assert counts_of(empty) == {}
    assert percentiles(counts_of(empty), (0.5, 0.9)) == [None, None]


def test_buckets_are_read_from_the_right() -> None:
    assert counts_of("3" + "0" * 24) == {2: 3}
    assert counts_of("2" + "0" * 11 + "7") == {0: 7, 1: 2}
