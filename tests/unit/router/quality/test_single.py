"""One prompt by itself is told the same as among many."""

from __future__ import annotations

import numpy as np
import pytest

from router.embedding import HashingEmbedder
from router.quality import fit_quality
from router.quality.model import MAX_MIXED, QualityModel
from router.quality.single import _MANY
from router.quality.surface import surface

EMBEDDER = HashingEmbedder(64)
WORDS = ["court", "judge", "oven", "flour", "mast", "keel", "tide", "sauce", "17", "=", "$", "?"]


def _learned(
    rows: int, categories: int, experts: int
) -> tuple[QualityModel, list[str], np.ndarray]:
    generator = np.random.default_rng(rows + categories + experts)
    texts = [" ".join(generator.choice(WORDS, 8)) for _ in range(rows)]
    texts += texts[: rows // 4]  # twins, so that there are neighbours
    probabilities = generator.dirichlet(np.full(categories, 0.3), len(texts))
    ability = generator.uniform(0.2, 0.9, (len(WORDS), experts))
    use = np.array([[word in text.split() for word in WORDS] for text in texts], dtype=float)
    scores = np.clip(use @ ability / use.sum(axis=1, keepdims=True), 0.0, 1.0)
    fitted = fit_quality(
        texts,
        EMBEDDER.embed(texts),
        probabilities,
        labels=None,
        scores=scores,
        experts=[f"e{number}" for number in range(experts)],
        seed=0,
    )
    return fitted.model, texts, probabilities


@pytest.mark.parametrize(
    ("categories", "experts"),
    [(3, 2), (MAX_MIXED, 5), (MAX_MIXED + 9, 4), (4, _MANY + 3), (2, 1)],
)
def test_the_same_as_among_many(categories: int, experts: int) -> None:
    model, texts, probabilities = _learned(160, categories, experts)
    asked = [*texts[:20], "", "something else altogether", "court " * 500]
    vectors = EMBEDDER.embed(asked)
    given = np.vstack([probabilities[:20], np.full((3, categories), 1.0 / categories)])
    among_many = model.many(asked, vectors, given)
    alone = [model(*row) for row in zip(asked, vectors, given, strict=True)]
    np.testing.assert_allclose(np.array(alone), among_many, atol=2e-5)


def test_neighbours_are_heeded() -> None:
    model, texts, probabilities = _learned(160, 3, 4)
    assert model.neighbours is not None
    vector = EMBEDDER.embed(texts[:1])[0]
    coordinates = model.space(vector, surface(texts[0]), probabilities[0])
    near = model.neighbours(model.space.content(coordinates))
    assert near.evidence > 0.9  # itself, at least
