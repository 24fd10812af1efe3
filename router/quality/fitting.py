"""Learning, from prompts with scores, what each expert is good at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from router.data import DatasetInvalid
from router.embedding import FloatArray
from router.quality.blending import blend_weights, contrasts
from router.quality.curve import fit_curve
from router.quality.heads import fit_heads
from router.quality.model import QualityModel
from router.quality.neighbours import FittedNeighbours, fit_neighbours
from router.quality.scores import (
    Floats,
    ScoreTable,
    check_scores,
    expert_means,
    fit_scores,
    left_out,
)
from router.quality.space import fit_space
from router.quality.surface import surfaces


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """How expected quality is learnt.

    Args:
        vector_weight: Of the embedder's vector beside one deviation of a surface feature.
        category_weight: Of the category probabilities.
        axes: At most this many principal axes of all features are kept.
        landmarks: At most this many prompts carry the heads.
        sharpness: How fast a landmark's influence falls off with squared distance.
        category_share: How much categories are expected to explain beside the landmarks.
        components: At most this many principal components of the experts' scores are predicted.
        neighbours: At most this many prompts are stored; 0 for none.
        neighbour_axes: At most this many principal axes of their vectors and form are.
    """

    vector_weight: float = 4.0
    category_weight: float = 8.0
    axes: int = 96
    landmarks: int = 768
    sharpness: float = 0.02
    category_share: float = 1.0
    components: int = 32
    neighbours: int = 20_000
    neighbour_axes: int = 64


class FittedQuality(NamedTuple):
    """A quality model, and what it expects of the rows it was learnt from."""

    model: QualityModel
    expected: Floats
    """Shape (n, E). Each row without itself among its neighbours: with itself it would look more
    certain than prompts to come, and a price set on it would let them overspend."""


def fit_quality(
    texts: Sequence[str],
    vectors: FloatArray,
    probabilities: Floats,
    *,
    labels: Sequence[int] | None,
    scores: Floats,
    experts: Sequence[str],
    seed: int,
    settings: QualitySettings | None = None,
) -> FittedQuality:
    """Learn from scores what each expert is good at.

    Args:
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        probabilities: Of their categories, from a classifier that was not shown the row, (n, C).
        labels: Numbers of their categories, -1 where there is none; ``None`` for no labels at all.
        scores: Of each expert on each prompt, 0..1, NaN where not measured, shape (n, E).
        experts: Ids, E of them.
        seed: Of everything that is drawn.
        settings: How.

    Raises:
        DatasetInvalid: Naming the row, if there is nothing to learn from or the parts do not fit.
    """
    settings = settings or QualitySettings()
    _check(texts, vectors, probabilities, labels, scores, experts)
    belongs = memberships(probabilities, labels)
    table = fit_scores(scores, belongs)
    measured = np.flatnonzero(~np.isnan(scores).all(axis=1))
    rows = _Rows(
        [texts[row] for row in measured.tolist()],
        vectors[measured],
        np.asarray(probabilities[measured], dtype=np.float64),
        belongs[measured],
        scores[measured],
    )
    model, told = _fit(rows, table, tuple(experts), settings, np.random.default_rng(seed))
    expected = np.empty_like(scores)
    expected[measured] = told
    others = np.setdiff1d(np.arange(len(texts)), measured)
    unseen = [texts[row] for row in others.tolist()]
    expected[others] = model.many(unseen, vectors[others], probabilities[others])
    return FittedQuality(model, expected)


class _Rows(NamedTuple):
    """Prompts with at least one score."""

    texts: list[str]
    vectors: FloatArray
    probabilities: Floats
    memberships: Floats
    scores: Floats


def _fit(
    rows: _Rows,
    table: ScoreTable,
    experts: tuple[str, ...],
    settings: QualitySettings,
    generator: np.random.Generator,
) -> FittedQuality:
    forms = surfaces(rows.texts)
    weights = (settings.vector_weight, settings.category_weight)
    space = fit_space(
        rows.vectors,
        forms,
        rows.probabilities,
        weights,
        settings.axes,
        settings.neighbour_axes if settings.neighbours else 0,
    )
    coordinates = space(rows.vectors, forms, rows.probabilities)
    means = expert_means(rows.scores)
    deviations = rows.scores - means
    components = contrasts(deviations, settings.components)
    heads, held_out, _ = fit_heads(
        space.all(coordinates),
        rows.probabilities,
        deviations,
        components,
        landmarks=settings.landmarks,
        sharpness=settings.sharpness,
        category_share=settings.category_share,
        generator=generator,
    )
    base = left_out(table, rows.scores, rows.memberships, rows.probabilities) - means
    said = held_out @ components.T
    blend = _blend(deviations, base, said)
    plain = blend[0] * base + blend[1] * said
    left = np.nan_to_num(deviations - plain) @ components
    curve, bent = fit_curve(means.mean() + plain.mean(axis=1), left)
    near, added = _neighbours(space.content(coordinates), left - bent, settings, generator)
    space = space if near else space.without_content()
    matrix = np.ascontiguousarray(components.T, dtype=np.float32)
    model = QualityModel(experts, table, space, heads, curve, near, matrix, means, blend)
    return FittedQuality(model, model.expected(model.plain(coordinates, rows.probabilities), added))


def _blend(deviations: Floats, table: Floats, heads: Floats) -> tuple[float, float]:
    by_table, by_heads = blend_weights(deviations, [table, heads])
    return by_table, by_heads


def _neighbours(
    coordinates: FloatArray,
    outcomes: Floats,
    settings: QualitySettings,
    generator: np.random.Generator,
) -> FittedNeighbours:
    if not settings.neighbours:
        return FittedNeighbours(None, np.zeros_like(outcomes))
    return fit_neighbours(coordinates, outcomes, most=settings.neighbours, generator=generator)


def memberships(probabilities: Floats, labels: Sequence[int] | None) -> Floats:
    """Return to which category each row belongs: its label, or probabilities without one."""
    found = np.array(probabilities, dtype=np.float64)
    if labels is not None:
        numbers = np.asarray(labels, dtype=np.intp)
        rows = np.flatnonzero(numbers >= 0)
        found[rows] = 0.0
        found[rows, numbers[rows]] = 1.0
    return found


def _check(
    texts: Sequence[str],
    vectors: FloatArray,
    probabilities: Floats,
    labels: Sequence[int] | None,
    scores: Floats,
    experts: Sequence[str],
) -> None:
    n = len(texts)
    check_scores(scores, n)
    if scores.shape[1] != len(experts):
        raise DatasetInvalid(f"{scores.shape[1]} columns of scores of {len(experts)} experts")
    if vectors.ndim != 2 or probabilities.ndim != 2 or not len(vectors) == len(probabilities) == n:
        raise DatasetInvalid(
            f"{n} texts, vectors {vectors.shape} and probabilities {probabilities.shape}: "
            "not one row a text"
        )
    for name, matrix in (("vector", vectors), ("probabilities", probabilities)):
        wrong = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
        if len(wrong):
            raise DatasetInvalid(f"row {wrong[0]}: the {name} is not finite")
    if np.isnan(scores).all():
        raise DatasetInvalid("no scores: there is nothing to say which expert is better")
    if labels is not None:
        numbers = np.asarray(labels)
        if (
            numbers.shape != (n,)
            or not ((numbers >= -1) & (numbers < probabilities.shape[1])).all()
        ):
            raise DatasetInvalid(f"labels are not {n} numbers below {probabilities.shape[1]}")
