"""Expected quality of each expert on one prompt: its category's scores, corrected by evidence.

    quality(x) = mean + blend_0 * (sum_c p(c|x) table(c) - mean)
                      + (blend_1 * heads(x) + neighbours(x)) @ components

Table and heads are weighed by how well they predicted rows that were left out, and the less there
is to go by, the more the table is trusted. Neighbours add what is known of nearly the same prompts,
and vanish elsewhere. So with little evidence this is the soft two-step router, and with more it
improves on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid
from router.embedding import FloatArray
from router.quality.blending import blend_weights, contrasts
from router.quality.heads import Heads, fit_heads
from router.quality.neighbours import Neighbours, fit_neighbours
from router.quality.scores import (
    Floats,
    ScoreTable,
    check_scores,
    expert_means,
    fit_scores,
    left_out,
)
from router.quality.space import Space, fit_space
from router.quality.surface import NAMES, surface, surfaces

MAX_MIXED = 16
"""The table is averaged over at most this many categories, the most probable ones."""


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
        neighbours: At most this many prompts are stored; 0 for none, which is what is measured so far.
        neighbour_axes: At most this many principal axes of their vectors are.
    """

    vector_weight: float = 4.0
    category_weight: float = 8.0
    axes: int = 96
    landmarks: int = 768
    sharpness: float = 0.02
    category_share: float = 1.0
    components: int = 32
    neighbours: int = 0
    neighbour_axes: int = 64


@dataclass(frozen=True, slots=True)
class QualityModel:
    """What each expert's answer to a prompt can be expected to be worth.

    Args:
        experts: Ids, in the order of the columns.
        category_scores: By category; what mappings are solved on.
        space: From what is known of a prompt to coordinates.
        heads: Learnt for the single prompt.
        neighbours: Prompts nearly the same; ``None`` where they do not help.
        components: From differences to experts, shape (R, E).
        means: Of each expert's scores, shape (E,).
        blend: Weights of table and heads.
    """

    experts: tuple[str, ...]
    category_scores: ScoreTable
    space: Space
    heads: Heads
    neighbours: Neighbours | None
    components: FloatArray
    means: Floats
    blend: tuple[float, float]

    def __call__(self, text: str, vector: FloatArray, probabilities: Floats) -> Floats:
        """Return the expected quality (0..1) of each expert on one prompt, shape (E,).

        Args:
            text: The prompt.
            vector: The embedder's vector of it, shape (d,).
            probabilities: Of its categories, shape (C,).
        """
        base = _mixed(self.category_scores.mean, probabilities)
        told = self._told(self.space(vector, surface(text), probabilities), probabilities)
        if self.neighbours is not None:
            told += self.neighbours(vector).components
        return self._quality(base, told)

    def many(self, texts: Sequence[str], vectors: FloatArray, probabilities: Floats) -> Floats:
        """Return the expected quality of each expert on several prompts, shape (n, E)."""
        rows = [_mixed(self.category_scores.mean, each) for each in probabilities]
        base = np.array(rows).reshape(-1, len(self.experts))
        told = self._told(self.space(vectors, surfaces(texts), probabilities), probabilities)
        if self.neighbours is not None:
            for row, vector in enumerate(vectors):
                told[row] += self.neighbours(vector).components
        return self._quality(base, told)

    def _told(self, coordinates: FloatArray, probabilities: Floats) -> FloatArray:
        return np.float32(self.blend[1]) * self.heads(coordinates, probabilities)

    def _quality(self, base: Floats, told: FloatArray) -> Floats:
        quality = self.means + self.blend[0] * (base - self.means) + told @ self.components
        result: Floats = np.minimum(np.maximum(quality, 0.0), 1.0)
        return result

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything learnt, by name, for an artefact."""
        parts = {
            "scores": self.category_scores.arrays(),
            "space": self.space.arrays(),
            "heads": self.heads.arrays(),
            "neighbours": self.neighbours.arrays() if self.neighbours else {},
        }
        named = {f"{part}.{name}": a for part, own in parts.items() for name, a in own.items()}
        return {**named, "components": self.components, "means": self.means}

    def settings(self) -> dict[str, Any]:
        """Return everything else, as plain JSON data."""
        near = self.neighbours
        return {
            "weights": list(self.space.weights),
            "sharpness": self.heads.landmarks.sharpness,
            "blend": list(self.blend),
            "neighbours": {"sharpness": near.sharpness, "prior": near.prior} if near else None,
        }

    @classmethod
    def load(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        settings: Mapping[str, Any],
        experts: Sequence[str],
    ) -> QualityModel:
        """Return the model of these :meth:`arrays` and :meth:`settings`: the same to the last bit.

        Raises:
            KeyError: If a part is missing.
            ValueError: If the parts do not fit together.
        """
        parts: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for key, array in arrays.items():
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = array
        near = settings["neighbours"]
        table = ScoreTable.load(parts["scores"])
        first, second = settings["weights"]
        by_table, by_heads = settings["blend"]
        model = cls(
            experts=tuple(experts),
            category_scores=table,
            space=Space.load(parts["space"], (float(first), float(second)), len(table.mean)),
            heads=Heads.load(parts["heads"], float(settings["sharpness"])),
            neighbours=None
            if near is None
            else Neighbours.load(
                parts["neighbours"], float(near["sharpness"]), float(near["prior"])
            ),
            components=np.ascontiguousarray(arrays["components"], dtype=np.float32),
            means=np.ascontiguousarray(arrays["means"], dtype=np.float64),
            blend=(float(by_table), float(by_heads)),
        )
        _check_fit(model)
        return model


def _check_fit(model: QualityModel) -> None:
    """Raise ValueError where one part's output is not the next one's input."""
    count, axes = model.components.shape[0], model.space.projection.shape[1]
    near = model.neighbours
    vectors = len(model.space.mean) - len(NAMES) - len(model.category_scores.mean)
    fits = (
        model.components.shape == (count, len(model.experts))
        and model.category_scores.mean.shape[1] == len(model.experts)
        and model.means.shape == (len(model.experts),)
        and model.heads.weights.shape[1] == count
        and len(model.heads.categories) == len(model.category_scores.mean)
        and model.heads.landmarks.points.shape[1] == axes
        and model.space.centre.shape == (len(NAMES),)
        and (near is None or near.outcomes.shape[1] == count)
        and (near is None or len(near.cells.projection) == vectors)
    )
    if not fits:
        raise ValueError("the parts of the quality model do not fit together")


def _mixed(table: Floats, probabilities: Floats) -> Floats:
    """Average the table over the likely categories: sum of p(c) s(c, e), shape (E,)."""
    if len(probabilities) <= MAX_MIXED:
        return np.asarray(probabilities @ table)
    likely = np.argpartition(probabilities, -MAX_MIXED)[-MAX_MIXED:]
    weights = probabilities[likely]
    return np.asarray((weights / weights.sum()) @ table[likely])


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
) -> QualityModel:
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
    return _fit(rows, table, tuple(experts), settings, np.random.default_rng(seed))


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
) -> QualityModel:
    forms = surfaces(rows.texts)
    weights = (settings.vector_weight, settings.category_weight)
    space = fit_space(rows.vectors, forms, rows.probabilities, weights, settings.axes)
    coordinates = space(rows.vectors, forms, rows.probabilities)
    means = expert_means(rows.scores)
    deviations = rows.scores - means
    components = contrasts(deviations, settings.components)
    heads, told, _ = fit_heads(
        coordinates,
        rows.probabilities,
        deviations,
        components,
        landmarks=settings.landmarks,
        sharpness=settings.sharpness,
        category_share=settings.category_share,
        generator=generator,
    )
    base = left_out(table, rows.scores, rows.memberships, rows.probabilities) - means
    by_table, by_heads = blend_weights(deviations, [base, told @ components.T])
    near = None
    if settings.neighbours:
        left = deviations - by_table * base - by_heads * (told @ components.T)
        near = fit_neighbours(
            rows.vectors,
            np.nan_to_num(left) @ components,
            most=settings.neighbours,
            axes=settings.neighbour_axes,
            generator=generator,
        )
    matrix = np.ascontiguousarray(components.T, dtype=np.float32)
    return QualityModel(experts, table, space, heads, near, matrix, means, (by_table, by_heads))


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
