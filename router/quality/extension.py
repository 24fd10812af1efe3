"""One more category in a quality model, without touching what it says of prompts of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from router.embedding import FloatArray
from router.quality.model import QualityModel
from router.quality.scores import Floats, ScoreTable

_FEWEST_ROWS, _MOST_ROWS = 2.0, 50.0
"""Bounds on how many scores the expectation from the other categories weighs as much as."""
_LARGEST_VARIANCE = 0.25


class Estimate(NamedTuple):
    """How good each expert is in a new category. Arrays of shape (E,)."""

    mean: Floats
    se: Floats
    n: Floats
    prior: Floats
    """What was expected of its prompts before any of their scores."""


def estimate(
    model: QualityModel,
    texts: Sequence[str],
    vectors: FloatArray,
    probabilities: Floats,
    scores: Floats,
) -> Estimate:
    """Estimate the scores of a new category from a few of its prompts.

    What the model expects of these prompts as a mixture of the other categories is the prior; their
    own scores move it, the more the more there are, and the more categories differ (empirical
    Bayes).

    Args:
        model: Learnt without the category.
        texts: k prompts of it.
        vectors: The embedder's vectors of them, shape (k, d).
        probabilities: Of the other categories, shape (k, C).
        scores: Shape (k, E) in the model's order, NaN where not measured.
    """
    prior = model.many(texts, vectors, probabilities).mean(axis=0)
    table = model.category_scores.mean
    between = np.maximum(table.var(axis=0), 1e-6)
    within = np.clip(model.means * (1.0 - model.means), 0.01, _LARGEST_VARIANCE)
    weight = np.clip(within / between, _FEWEST_ROWS, _MOST_ROWS)
    n = (~np.isnan(scores)).sum(axis=0).astype(np.float64)
    mean = (np.nansum(scores, axis=0) + weight * prior) / (n + weight)
    return Estimate(mean, np.sqrt(within / (n + weight)), n, prior)


def with_category(
    model: QualityModel,
    texts: Sequence[str],
    vectors: FloatArray,
    probabilities: Floats,
    found: Estimate,
) -> QualityModel:
    """Return the model with one more category, the last.

    A prompt of the new category lies where its mixture of the others lies, so that the heads for
    the single prompt go on as before, and the category's own weights make up for what they say on
    average. Where the probability of the new category is zero, nothing changes.

    Args:
        model: Learnt without the category; it is not changed.
        texts: k prompts of it.
        vectors: The embedder's vectors of them, shape (k, d).
        probabilities: Of the other categories, shape (k, C).
        found: Its scores.
    """
    old, space, heads = model.category_scores, model.space, model.heads
    table = ScoreTable(
        np.vstack([old.mean, found.mean]),
        np.vstack([old.se, found.se]),
        np.vstack([old.n, found.n]),
    )
    mixture = probabilities.mean(axis=0).astype(np.float32)
    place = mixture @ space.projection[-len(mixture) :]
    wider = replace(
        space,
        mean=np.append(space.mean, np.float32(0.0)),
        projection=np.vstack([space.projection, place[None]]),
    )
    nothing = np.zeros((1, heads.categories.shape[1]), dtype=np.float32)
    grown = replace(
        model,
        category_scores=table,
        space=wider,
        heads=replace(heads, categories=np.vstack([heads.categories, nothing])),
    )
    certain = np.zeros((len(texts), len(mixture) + 1))
    certain[:, -1] = 1.0
    weights = _made_up(grown, texts, vectors, certain, found.mean)
    return replace(
        grown, heads=replace(heads, categories=np.vstack([heads.categories, weights[None]]))
    )


def _made_up(
    model: QualityModel,
    texts: Sequence[str],
    vectors: FloatArray,
    certain: Floats,
    wanted: Floats,
) -> FloatArray:
    """Return the weights with which the prompts' mean expectation is what is wanted, shape (R,)."""
    by_heads = model.blend[1]
    if by_heads < 1e-3:
        return np.zeros(len(model.components), dtype=np.float32)
    said = model.many(texts, vectors, certain).mean(axis=0)
    lack = (wanted - said) / by_heads
    found, *_ = np.linalg.lstsq(model.components.T.astype(np.float64), lack, rcond=None)
    weights: FloatArray = found.astype(np.float32)
    return weights
