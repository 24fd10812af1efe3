"""Neighbours predict what their like had left over, and say nothing far from all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.quality.neighbours import FittedNeighbours, Neighbours, fit_neighbours


def _fit(places: np.ndarray, outcomes: np.ndarray, most: int = 10_000) -> FittedNeighbours:
    generator = np.random.default_rng(0)
    return fit_neighbours(places.astype(np.float32), outcomes, most=most, generator=generator)


def _kinds(rows: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six heaps of prompts; what is left over is -0.4 and 0.4 in turn."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(6, 16)) * 4
    kind = np.arange(rows) % 6
    places = centres[kind] + generator.normal(size=(rows, 16)) * 0.05
    outcomes = np.where(kind % 2, 0.4, -0.4)[:, None] + generator.normal(size=(rows, 1)) * 0.05
    return centres.astype(np.float32), places, outcomes


def _fitted(rows: int = 600) -> tuple[Neighbours, np.ndarray]:
    centres, places, outcomes = _kinds(rows)
    found = _fit(places, outcomes).neighbours
    assert found is not None
    return found, centres


def _twins(pairs: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Prompts far from each other, each there twice with the same outcome."""
    generator = np.random.default_rng(seed)
    places = np.repeat(generator.normal(size=(pairs, 24)) * 3, 2, axis=0)
    return places, np.repeat(generator.choice([-0.5, 0.5], size=(pairs, 3)), 2, axis=0)


def test_the_like_are_predicted() -> None:
    near, centres = _fitted()
    told = [float(near(centre).components[0]) for centre in centres]
    np.testing.assert_allclose(told, [-0.4, 0.4] * 3, atol=0.05)


def test_far_from_all_there_is_nothing_to_say() -> None:
    near, centres = _fitted()
    told = near(centres[0] + 50.0)
    assert told.evidence == 0.0
    assert not told.components.any()


def test_evidence_counts_the_like_and_decides_how_much_they_are_believed() -> None:
    places, outcomes = _twins()
    near = _fit(places, outcomes).neighbours
    assert near is not None
    told = near(places[0].astype(np.float32))
    assert told.evidence == pytest.approx(2.0, abs=0.01)
    expected = outcomes[0] * 2.0 / (2.0 + near.prior)
    np.testing.assert_allclose(told.components, expected, atol=0.01)


def test_what_repeats_is_remembered_and_a_row_is_not_its_own_neighbour() -> None:
    places, outcomes = _twins()
    near, held_out = _fit(places, outcomes)
    assert near is not None
    # Only the twin speaks for a row, never the row itself.
    np.testing.assert_allclose(held_out, outcomes / (1.0 + near.prior), atol=0.01)
    changed = outcomes.copy()
    changed[0] = 9.0
    again = _fit(places, changed)
    assert again.neighbours is not None
    np.testing.assert_allclose(
        again.held_out[0], outcomes[1] / (1.0 + again.neighbours.prior), atol=0.01
    )
    assert (again.held_out[1] > 4.0).all()


def test_rows_that_are_not_stored_are_asked_like_new_ones() -> None:
    _, places, outcomes = _kinds()
    near, held_out = _fit(places, outcomes, most=300)
    assert near is not None
    assert len(near.outcomes) == 300
    told = [near(place.astype(np.float32)).components for place in places]
    same = np.isclose(held_out, np.array(told), atol=1e-6).all(axis=1)
    assert 300 <= same.sum() < 330  # a few others come out the same
    np.testing.assert_allclose(held_out, np.where(outcomes > 0, 0.4, -0.4), atol=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_noise_teaches_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    places, outcomes = generator.normal(size=(400, 16)), generator.normal(size=(400, 2))
    found = _fit(places, outcomes)
    assert found.neighbours is None
    assert not found.held_out.any()


def test_the_cells_find_what_looking_at_all_would_find() -> None:
    generator = np.random.default_rng(3)
    places, outcomes = _twins(2000, seed=3)
    near = _fit(places, outcomes).neighbours
    assert near is not None
    assert len(near.cells.centres) > 10
    missed = 0
    for row in generator.choice(len(places), 200, replace=False).tolist():
        asked = (places[row] + generator.normal(size=24) * 0.02).astype(np.float32)
        squares = ((near.cells.coordinates - asked) ** 2).sum(axis=1)
        all_of_them = float(np.exp(-near.sharpness * squares).sum())
        missed += abs(near(asked).evidence - all_of_them) > 0.05
    assert missed <= 4


def test_a_hundred_copies_of_one_prompt_share_a_cell() -> None:
    places, outcomes = _twins()
    places[:200], outcomes[:200] = places[0], outcomes[0]
    near = _fit(places, outcomes).neighbours
    assert near is not None
    told = near(places[0].astype(np.float32))
    assert told.evidence == pytest.approx(200.0, rel=0.01)
    np.testing.assert_allclose(told.components, outcomes[0], atol=0.01)


def test_storage_gives_the_same_to_the_last_bit() -> None:
    near, centres = _fitted()
    loaded = Neighbours.load(near.arrays(), near.sharpness, near.prior)
    for centre in centres:
        assert np.array_equal(near(centre).components, loaded(centre).components)
        assert near(centre).evidence == loaded(centre).evidence


@pytest.mark.parametrize("name", ["centres", "coordinates", "outcomes", "starts"])
def test_parts_that_do_not_fit_are_refused(name: str) -> None:
    near, _ = _fitted()
    cut = {**near.arrays(), name: near.arrays()[name][:-1]}
    with pytest.raises(ValueError, match="fit together"):
        Neighbours.load(cut, near.sharpness, near.prior)


def test_cells_that_run_backwards_are_refused() -> None:
    near, _ = _fitted()
    starts = near.arrays()["starts"].copy()
    starts[1], starts[2] = starts[2] + 1, starts[1]
    with pytest.raises(ValueError, match="fit together"):
        Neighbours.load({**near.arrays(), "starts": starts}, near.sharpness, near.prior)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(1, 4), st.integers(0, 1000), st.booleans())
def test_whatever_is_stored_answers_are_finite(
    rows: int, width: int, seed: int, same: bool
) -> None:
    generator = np.random.default_rng(seed)
    places = np.ones((rows, 5)) if same else generator.normal(size=(rows, 5))
    near, held_out = _fit(places, generator.choice([-0.5, 0.0, 0.5], size=(rows, width)))
    assert np.isfinite(held_out).all()
    if near is not None:
        told = near(places[0].astype(np.float32))
        assert np.isfinite(told.components).all()
        assert np.abs(told.components).max() <= 0.5
