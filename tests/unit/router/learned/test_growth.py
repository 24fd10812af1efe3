"""Growing from a few labels: what joins is nearly always right, and nothing runs away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.embedding.protocol import normalise_rows
from router.learned import GrowthSettings, grow

LABELS = np.repeat(np.arange(4), 60)


def _blobs(spread: float = 0.6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = normalise_rows(rng.normal(size=(4, 16)))
    noise = normalise_rows(rng.normal(size=(len(LABELS), 16)))
    return normalise_rows(centres[LABELS] + spread * noise)


def _seeds(each: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.full(len(LABELS), -1)
    for category in range(4):
        rows = rng.choice(np.flatnonzero(np.equal(LABELS, category)), each, replace=False)
        labels[rows] = category
    return labels


def test_grows_and_is_right() -> None:
    seeds = _seeds()
    growth = grow(_blobs(), seeds)
    assert growth.added.sum() > 40
    assert (growth.labels[growth.added] == LABELS[growth.added]).mean() > 0.97
    assert sum(growth.per_round) == growth.added.sum()


@settings(max_examples=25, deadline=None)
@given(each=st.integers(1, 8), seed=st.integers(0, 99), spread=st.floats(0.2, 2.0))
def test_labels_stay_and_categories_stay_balanced(each: int, seed: int, spread: float) -> None:
    seeds = _seeds(each, seed)
    growth = grow(_blobs(spread, seed), seeds, settings=GrowthSettings(rounds=2))
    np.testing.assert_array_equal(growth.labels[seeds >= 0], seeds[seeds >= 0])
    assert not growth.added[seeds >= 0].any()
    sizes = np.bincount(growth.labels[growth.labels >= 0], minlength=4)
    assert sizes.max() <= each * 4


def test_held_out_rows_neither_get_a_label_nor_spread_theirs() -> None:
    held_out = np.zeros(len(LABELS), dtype=bool)
    held_out[::2] = True
    seeds = np.where(held_out, LABELS, _seeds())
    growth = grow(_blobs(), seeds, held_out=held_out)
    assert not growth.added[held_out].any()
    relabelled = np.where(held_out, (LABELS + 1) % 4, seeds)
    again = grow(_blobs(), relabelled, held_out=held_out)
    np.testing.assert_array_equal(growth.labels[~held_out], again.labels[~held_out])


def test_what_lies_between_two_categories_does_not_join() -> None:
    vectors = normalise_rows(np.array([[1, 0.0], [1, 0.1], [0, 1], [0.1, 1], [1, 1.0], [1, 0.05]]))
    growth = grow(vectors, np.array([0, 0, 1, 1, -1, -1]))
    assert growth.labels.tolist() == [0, 0, 1, 1, -1, 0]


def test_a_second_opinion_keeps_out_what_it_differs_on() -> None:
    seeds, asked = _seeds(), []

    def opinion(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        asked.append(labels.copy())
        return np.zeros(len(rows), dtype=np.intp)

    growth = grow(_blobs(), seeds, second_opinion=opinion)
    assert growth.added.any()
    assert set(growth.labels[growth.added].tolist()) == {0}
    np.testing.assert_array_equal(asked[0], seeds)


def test_no_label_no_growth() -> None:
    growth = grow(_blobs(), np.full(len(LABELS), -1))
    assert not growth.added.any()
    assert growth.per_round == ()


def test_the_parts_must_fit() -> None:
    with pytest.raises(ValueError, match="not equally many"):
        grow(_blobs(), LABELS[:-1])
