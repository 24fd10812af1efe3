"""Learning a classifier from labelled prompts, with what it says of prompts it was not shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from router.classifier import Evidence, Space, fit_space, softmax
from router.data import DatasetInvalid
from router.embedding import Embedder, FloatArray
from router.embedding.contrastive import ContrastiveEmbedder
from router.embedding.encoders import is_encoder
from router.features import Weighting, find, fit_weighting
from router.learned.classifier import LearnedClassifier, compact
from router.learned.clusters import spherical_kmeans
from router.learned.linear import Columns, fit_columns
from router.learned.rows import Ints, check_rows, folds
from router.taxonomy import GENERAL

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_MOST_AXES = 1024
_ENCODER_WEIGHT = 1.5
_FEWEST_TO_LEAVE_OUT = 4
"""Categories; of fewer, those that are left in tell too little from anything."""


@dataclass(frozen=True, slots=True)
class LearnedSettings:
    """How a classifier is learned.

    Args:
        axes: At most this many principal axes of the vectors are kept.
        weights: Of words and neighbours, of pairs further apart, and of characters within words;
            the embedding has ``dense_weight``.
        dense_weight: Of the embedding; 1.5 suits a sentence encoder, whose meanings are finer.
        cost: Of a margin that is not kept.
        folds: Parts of the cross-validation that sets the temperature.
        prototypes: At most this many a category.
        most_prototypes: At most this many in all, for large taxonomies; one a category is kept.
    """

    axes: int = 384
    weights: tuple[float, float, float] = (1.3, 0.7, 1.0)
    dense_weight: float = 1.0
    cost: float = 0.5
    folds: int = 3
    prototypes: int = 16
    most_prototypes: int = 400


def settings_for(embedder: Embedder) -> LearnedSettings:
    """Return settings that suit an embedder: how much its vectors say, and on how many axes."""
    usual = LearnedSettings()
    weight = _ENCODER_WEIGHT if is_encoder(embedder) else usual.dense_weight
    if isinstance(embedder, ContrastiveEmbedder):
        weight *= math.sqrt(2.0)  # the head and the vectors beside it share one length
    axes = min(max(usual.axes, embedder.dimensions), _MOST_AXES)
    return replace(usual, axes=axes, dense_weight=weight)


class Fitted(NamedTuple):
    """A classifier, and how it did on rows it was not shown."""

    classifier: LearnedClassifier
    held_out: Evidence
    """Calibrated, in the order of the rows, by cross-validation; rows without a label, which are
    never learned from, by the classifier itself."""
    labels: Ints
    """Numbers of categories, -1 for none."""
    left_out: Evidence | None = None
    """What classifiers say that were shown no prompt of the row's whole category: for them these
    rows are strangers. ``None`` where it was not asked for, or there are too few categories."""


class _Design(NamedTuple):
    """Everything about the rows that does not depend on their labels."""

    lexical: csr_matrix
    dense: FloatArray

    def rows(self, chosen: Mask) -> _Design:
        return _Design(self.lexical[chosen], self.dense[chosen])


class _Model(NamedTuple):
    columns: Columns
    prototypes: FloatArray

    def __call__(self, rows: _Design) -> tuple[FloatArray, FloatArray]:
        """Return scores (n, C), and how familiar the rows are (n,)."""
        scores = self.columns.scores(rows.lexical, rows.dense)
        return scores, scores.max(axis=1) + (rows.dense @ self.prototypes.T).max(axis=1)


def fit_classifier(
    texts: Sequence[str],
    vectors: FloatArray,
    labels: Sequence[str | None],
    categories: Sequence[str],
    *,
    seed: int = 0,
    settings: LearnedSettings | None = None,
    trusted: Sequence[bool] | None = None,
    may_be_empty: Collection[str] = (GENERAL,),
    leave_out: bool = False,
) -> Fitted:
    """Learn a classifier and calibrate it.

    The temperature minimises the negative log-likelihood of rows held out in turn (Guo et al.,
    "On Calibration of Modern Neural Networks", 2017).

    Args:
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        labels: A category's id, or ``None``.
        categories: The ids, in the order of the probabilities.
        seed: Of everything that is drawn. The same seed gives the same classifier.
        settings: How it is learned.
        trusted: Rows whose label a person gave, by default all; the others are learned from, but
            the temperature does not heed them.
        may_be_empty: Categories that may do without prompts.
        leave_out: Also leave out whole categories in turn, to see what strangers look like.

    Raises:
        DatasetInvalid: Naming the row or the category.
    """
    settings = settings or LearnedSettings()
    numbers = check_rows(texts, vectors, labels, categories, may_be_empty=may_be_empty)
    if trusted is not None and len(trusted) != len(texts):
        raise DatasetInvalid(f"{len(texts)} texts and {len(trusted)} marks of trust")
    found = [find(text) for text in texts]
    weighting = fit_weighting(found, settings.weights)
    space = fit_space(vectors, min(settings.axes, vectors.shape[1]))
    design = _Design(weighting.matrix(found), space(vectors))
    model = _fit(design, numbers, numbers >= 0, len(categories), settings, seed)
    scores, nearest = model(design)
    sure = np.ones(len(texts), dtype=bool) if trusted is None else np.asarray(trusted, dtype=bool)
    for hidden in folds(numbers, settings.folds, seed):
        shown = (numbers >= 0) & ~hidden
        part = _fit(design, numbers, shown, len(categories), settings, seed)
        scores[hidden], nearest[hidden] = part(design.rows(hidden))
    temperature = _temperature(scores, numbers, _calibrating(numbers) & sure)
    classifier = _assemble(model, weighting, space, temperature)
    held_out = Evidence(softmax(scores / temperature), nearest)
    strange = _left_out(design, numbers, categories, settings, seed) if leave_out else None
    if strange is not None:
        strange = Evidence(softmax(strange.probabilities / temperature), strange.nearest)
    return Fitted(classifier, held_out, numbers, strange)


def _apart(labels: Ints, categories: Sequence[str], seed: int) -> list[Mask]:
    """Return masks of the rows of each half of the categories; none where there are too few."""
    found = np.unique(labels[labels >= 0])
    found = np.array([label for label in found.tolist() if categories[label] != GENERAL], np.intp)
    if len(found) < _FEWEST_TO_LEAVE_OUT:
        return []
    shuffled = np.random.default_rng(seed).permutation(found)
    return [np.isin(labels, half) for half in np.array_split(shuffled, 2)]


def _left_out(
    design: _Design,
    labels: Ints,
    categories: Sequence[str],
    settings: LearnedSettings,
    seed: int,
) -> Evidence | None:
    """Return scores and familiarity of rows by models that were shown none of their category."""
    said = []
    for rows in _apart(labels, categories, seed):
        model = _fit(design, labels, (labels >= 0) & ~rows, len(categories), settings, seed)
        said.append(model(design.rows(rows)))
    if not said:
        return None
    scores, nearest = zip(*said, strict=True)
    return Evidence(np.concatenate(scores), np.concatenate(nearest))


def _fit(
    design: _Design,
    labels: Ints,
    shown: Mask,
    categories: int,
    settings: LearnedSettings,
    seed: int,
) -> _Model:
    rows, own = design.rows(shown), labels[shown]
    columns = fit_columns(
        rows.lexical,
        rows.dense,
        own,
        categories,
        dense_weight=settings.dense_weight,
        cost=settings.cost,
        seed=seed,
    )
    each = max(1, min(settings.prototypes, settings.most_prototypes // categories))
    prototypes = [
        spherical_kmeans(rows.dense[own == label], each, seed) for label in np.unique(own)
    ]
    rounded = np.vstack(prototypes).astype(np.float16).astype(np.float32)
    return _Model(columns, rounded)


def _assemble(
    model: _Model, weighting: Weighting, space: Space, temperature: float
) -> LearnedClassifier:
    places, lexical = compact(model.columns.lexical)
    return LearnedClassifier(
        weighting=weighting,
        places=places,
        lexical=lexical,
        space=space,
        dense=model.columns.dense,
        intercept=model.columns.intercept,
        temperature=temperature,
        prototypes=model.prototypes,
    )


def _calibrating(labels: Ints) -> Mask:
    """Rows that say how sure to be: those whose category has others to be recognised by."""
    counts = np.bincount(labels[labels >= 0])
    return np.asarray((labels >= 0) & (counts[labels] > 1), dtype=np.bool_)


def _temperature(scores: FloatArray, labels: Ints, chosen: Mask) -> float:
    """Find the temperature that makes the labels of the chosen rows likeliest; 1 without any."""
    if not chosen.any():
        return 1.0
    scores, labels = scores[chosen], labels[chosen]
    own = np.arange(len(labels))
    grid = np.geomspace(0.02, 5.0, 80)
    losses = [-np.log(softmax(scores / t)[own, labels] + 1e-12).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])
