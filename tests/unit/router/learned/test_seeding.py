"""From a seed to a training set: what joins is right."""

import numpy as np

from router.embedding.protocol import normalise_rows
from router.learned import grow_from_seed
from tests.unit.router.learned.conftest import CATEGORIES

TRUTH = np.arange(320) % 4
TEXTS = [f"{'wxyz'[label]}{label} number {row}" for row, label in enumerate(TRUTH.tolist())]


def _vectors(seed: int) -> np.ndarray:
    """Prompts around their category's direction."""
    rng = np.random.default_rng(seed)
    centres = np.eye(4, 24, dtype=np.float32)[TRUTH]
    noise = 0.9 * normalise_rows(rng.normal(size=(320, 24)))
    return normalise_rows(centres + noise)


def _labels(count: int = 48) -> list[str | None]:
    return [CATEGORIES[label] if row < count else None for row, label in enumerate(TRUTH.tolist())]


def test_a_seed_grows_and_is_right() -> None:
    seeded = grow_from_seed(TEXTS, _vectors(0), _labels(), CATEGORIES, seed=1)
    assert seeded.added > 60
    added = [row for row in range(48, 320) if seeded.labels[row] is not None]
    assert np.mean([seeded.labels[row] == CATEGORIES[TRUTH[row]] for row in added]) > 0.95
    assert seeded.trusted == tuple(row < 48 for row in range(320))
    assert list(seeded.labels[:48]) == _labels()[:48]


def test_the_same_seed_grows_the_same() -> None:
    one, two = (grow_from_seed(TEXTS, _vectors(0), _labels(), CATEGORIES, seed=1) for _ in "ab")
    assert one == two


def test_nothing_to_grow_from_or_into_leaves_the_rows_as_they_are() -> None:
    labels = [CATEGORIES[label] for label in TRUTH.tolist()]
    assert grow_from_seed(TEXTS, _vectors(0), labels, CATEGORIES).added == 0
    alone = grow_from_seed(TEXTS[:4], _vectors(0)[:4], _labels()[:4], CATEGORIES)
    assert alone.labels == tuple(_labels()[:4])
