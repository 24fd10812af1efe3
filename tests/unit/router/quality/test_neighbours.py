"""Neighbours predict what their like had left over, and say nothing far from all of them."""

from __future__ import annotations

import numpy as np
import pytest

from router.quality.neighbours import Neighbours, fit_neighbours


def _fitted(rows: int = 600) -> tuple[Neighbours, np.ndarray]:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(6, 16)) * 4
    kind = np.arange(rows) % 6
    vectors = (centres[kind] + generator.normal(size=(rows, 16)) * 0.05).astype(np.float32)
    outcomes = np.where(kind % 2, 0.4, -0.4)[:, None] + generator.normal(size=(rows, 1)) * 0.05
    found = fit_neighbours(vectors, outcomes, most=rows, axes=8, generator=generator)
    assert found is not None
    return found, centres.astype(np.float32)


def test_the_like_are_predicted() -> None:
    near, centres = _fitted()
    told = [float(near(centre).components[0]) for centre in centres]
    assert np.sign(told).tolist() == [-1, 1, -1, 1, -1, 1]
    assert min(map(abs, told)) > 0.1


def test_noise_teaches_nothing() -> None:
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(400, 16)).astype(np.float32)
    outcomes = generator.normal(size=(400, 2))
    assert fit_neighbours(vectors, outcomes, most=400, axes=8, generator=generator) is None


def test_storage_gives_the_same() -> None:
    near, centres = _fitted()
    loaded = Neighbours.load(near.arrays(), near.sharpness, near.prior)
    for centre in centres:
        assert np.array_equal(near(centre).components, loaded(centre).components)


def test_parts_that_do_not_fit_are_refused() -> None:
    near, _ = _fitted()
    for name in ("centres", "coordinates", "outcomes", "starts"):
        cut = {**near.arrays(), name: near.arrays()[name][:-1]}
        with pytest.raises(ValueError, match="fit together"):
            Neighbours.load(cut, near.sharpness, near.prior)
