"""p(category | text), learnt from the names, descriptions, keywords and examples of a taxonomy.

Step one of the two-step router of "Composition of Experts" (arXiv 2412.01868). A category is a set
of prototypes, so that a broad one need not be one lump; a ridge regression on the similarities to
all prototypes (a radial basis function network: Broomhead and Lowe, 1988) weighs them against each
other, and the words themselves have a say beside it (:mod:`router.lexicon`). Everything is
deterministic and takes a fraction of a second, so a router is rebuilt from its taxonomy at each
start, and a new category needs a file and no code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.embedding import Embedder, FloatArray
from router.embedding.protocol import normalise_rows
from router.lexicon import Lexicon, Occurrences, evidence_matrix, fit_lexicon, occurrences
from router.taxonomy import Taxonomy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a classifier is learnt.

    Args:
        axes: At most this many principal axes of the vectors are kept.
        prototypes: At most this many a category.
        most_prototypes: At most this many in all, for large taxonomies; one a category is kept.
        sharpness: How fast a prototype's influence falls off with distance.
        ridge: Penalty on the squared weights, per training row.
        word_weight: Weight of the words' log-odds beside the prototypes' scores.
        keyword_weight: Weight of a group of keywords; an example has 1.
        description_weight: Weight of a category's name with its description.
        folds: Parts of the cross-validation that sets the temperature.
        caution: Factor on that temperature, as real prompts are stranger than the examples.
    """

    axes: int = 192
    prototypes: int = 64
    most_prototypes: int = 640
    sharpness: float = 12.0
    ridge: float = 0.012
    word_weight: float = 0.05
    keyword_weight: float = 1.0
    description_weight: float = 1.0
    folds: int = 2
    caution: float = 1.5


@dataclass(frozen=True, slots=True)
class Rows:
    """What a taxonomy says, as training rows: n texts, vectors (n, d), labels and weights (n,)."""

    texts: tuple[str, ...]
    vectors: FloatArray
    labels: Ints
    weights: FloatArray


def training_rows(taxonomy: Taxonomy, embedder: Embedder, settings: Settings) -> Rows:
    """Embed all that the taxonomy says of its categories.

    Weights are scaled so that every category weighs the same however much is said of it, and so
    that they are 1 on average.
    """
    texts: list[str] = []
    labels: list[int] = []
    weights: list[float] = []
    for label, category in enumerate(taxonomy.categories):
        own = [f"{category.name}. {category.description}", *category.examples, *category.keywords]
        weight = [settings.description_weight]
        weight += [1.0] * len(category.examples)
        weight += [settings.keyword_weight] * len(category.keywords)
        texts += own
        labels += [label] * len(own)
        weights += [value / sum(weight) for value in weight]
    scaled = np.array(weights, dtype=np.float32) * (len(texts) / len(taxonomy.categories))
    return Rows(tuple(texts), embedder.embed(texts), np.array(labels, dtype=np.intp), scaled)


class Evidence(NamedTuple):
    """What a classifier finds in texts."""

    probabilities: Floats
    """Calibrated, shape (..., C)."""
    nearest: FloatArray
    """Cosine similarity to the nearest prototype, shape (...)."""


@dataclass(frozen=True, slots=True)
class Space:
    """Centres and partly whitens vectors, so that what all prompts share stops counting.

    Args:
        mean: (d,).
        transform: (d, a), one column a kept axis.
    """

    mean: FloatArray
    transform: FloatArray

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """Return unit vectors, shape (..., a)."""
        moved = (vectors - self.mean) @ self.transform
        if moved.ndim == 1:
            return np.asarray(moved / max(math.sqrt(float(moved @ moved)), 1e-12), dtype=np.float32)
        return normalise_rows(moved)


@dataclass(frozen=True, slots=True)
class Head:
    """Similarities to prototypes, weighed per category.

    Args:
        prototypes: Unit vectors (P, a).
        weights: (P, C).
        sharpness: Of the similarities.
    """

    prototypes: FloatArray
    weights: FloatArray
    sharpness: float

    def __call__(self, vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return scores (..., C), and the similarity to the nearest prototype (...)."""
        cosines = vectors @ self.prototypes.T
        nearest = cosines.max(axis=-1)
        return _activation(cosines, nearest, self.sharpness) @ self.weights, nearest


@dataclass(frozen=True, slots=True)
class Classifier:
    """Prototypes and words, with a temperature.

    Args:
        space: From the embedder's vectors to those compared here.
        head: What the vector says.
        lexicon: What the words say.
        word_weight: Weight of the words.
        temperature: Divides the scores before the softmax.
    """

    space: Space
    head: Head
    lexicon: Lexicon
    word_weight: float
    temperature: float

    def __call__(self, text: str, vector: FloatArray) -> Evidence:
        """Classify one text.

        Args:
            text: The text.
            vector: The embedder's vector of it, shape (d,).
        """
        scores, nearest = self.head(self.space(vector))
        scores = scores + np.float32(self.word_weight) * self.lexicon(text)
        return Evidence(softmax(scores / self.temperature), nearest)


class Fitted(NamedTuple):
    """A classifier, and how it did on rows it was not shown."""

    classifier: Classifier
    held_out: Evidence
    """By cross-validation, in the order of the rows; calibrated."""


def fit(rows: Rows, categories: int, settings: Settings) -> Fitted:
    """Learn a classifier and calibrate it.

    The temperature minimises the negative log-likelihood of held-out rows (Guo et al., "On
    Calibration of Modern Neural Networks", 2017); prototypes are found anew for each fold.
    """
    prepared = _prepare(rows, settings)
    scores, nearest = _hold_out(rows, prepared.vectors, prepared.words, categories, settings)
    temperature = settings.caution * _temperature(scores, rows.labels, rows.weights)
    classifier = _fit(rows, prepared, categories, settings, temperature)
    return Fitted(classifier, Evidence(softmax(scores / temperature), nearest))


def fit_calibrated(
    rows: Rows, categories: int, settings: Settings, temperature: float
) -> Classifier:
    """Learn the classifier that :func:`fit` learns, where its temperature is known already.

    Nothing is held out, which is a third of the work.
    """
    return _fit(rows, _prepare(rows, settings), categories, settings, temperature)


class _Prepared(NamedTuple):
    space: Space
    vectors: FloatArray
    words: Occurrences


def _prepare(rows: Rows, settings: Settings) -> _Prepared:
    space = fit_space(rows.vectors, settings.axes)
    return _Prepared(space, space(rows.vectors), occurrences(rows.texts))


def _fit(
    rows: Rows, prepared: _Prepared, categories: int, settings: Settings, temperature: float
) -> Classifier:
    everything = np.ones(len(rows.labels), dtype=bool)
    head = _fit_head(rows, prepared.vectors, everything, categories, settings)
    lexicon = fit_lexicon(prepared.words, rows.labels, categories)
    return Classifier(prepared.space, head, lexicon, settings.word_weight, temperature)


def _hold_out(
    rows: Rows, vectors: FloatArray, words: Occurrences, categories: int, settings: Settings
) -> tuple[Floats, FloatArray]:
    """Score each row by a classifier that was not shown it; rows never held out score zero."""
    scores = np.zeros((len(vectors), categories))
    nearest = np.zeros(len(vectors), dtype=np.float32)
    for shown in _folds(len(vectors), settings.folds):
        head = _fit_head(rows, vectors, shown, categories, settings)
        lexicon = fit_lexicon(words, rows.labels, categories, shown)
        said = evidence_matrix(lexicon, words)[~shown]
        scores[~shown], nearest[~shown] = head(vectors[~shown])
        scores[~shown] += settings.word_weight * said
    return scores, nearest


def fit_space(vectors: FloatArray, axes: int, smoothing: float = 0.5) -> Space:
    """Centre, and divide each principal axis by the square root of its deviation.

    Half of a whitening: directions that vary much lose some of their say. ``smoothing`` times the
    mean deviation is added, so that directions which hardly vary are not blown up.

    Args:
        vectors: Shape (n, d).
        axes: The directions of largest variance to keep, at most d.
        smoothing: See above.
    """
    mean = vectors.mean(axis=0)
    centred = (vectors - mean).astype(np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
    deviations = np.sqrt(np.maximum(variances, 0.0))
    scale = np.sqrt(deviations + smoothing * deviations.mean() + 1e-9)
    kept = (directions / scale)[:, -axes:]
    return Space(mean, np.ascontiguousarray(kept, dtype=np.float32))


def softmax(scores: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return probabilities along the last axis, in float64, summing to one."""
    exact = np.asarray(scores, dtype=np.float64)
    shifted = np.exp(exact - np.maximum.reduce(exact, axis=-1, keepdims=True))
    result: Floats = shifted / np.add.reduce(shifted, axis=-1, keepdims=True)
    return result


def _activation(cosines: FloatArray, nearest: FloatArray, sharpness: float) -> FloatArray:
    """Gaussian of the distance between unit vectors (whose square is 2 - 2 cos), as unit rows.

    Normalised, as texts far from every prototype would otherwise have next to no activation, and
    only the shape of it tells one category from another.
    """
    raw = np.exp(np.float32(sharpness) * (cosines - nearest[..., None]))
    result: FloatArray = raw / np.sqrt(np.einsum("...i,...i->...", raw, raw))[..., None]
    return result


def _fit_head(
    rows: Rows,
    vectors: FloatArray,
    shown: npt.NDArray[np.bool_],
    categories: int,
    settings: Settings,
) -> Head:
    most = max(1, min(settings.prototypes, settings.most_prototypes // categories))
    vectors, labels, weights = vectors[shown], rows.labels[shown], rows.weights[shown]
    prototypes = np.vstack([_centres(vectors[labels == each], most) for each in range(categories)])
    cosines = vectors @ prototypes.T
    root = np.sqrt(weights)[:, None]
    features = _activation(cosines, cosines.max(axis=1), settings.sharpness) * root
    targets = (np.eye(categories, dtype=np.float32)[labels] - np.float32(1 / categories)) * root
    gram = (features.T @ features).astype(np.float64)  # a matrix by itself: half the work
    gram[np.diag_indices_from(gram)] += settings.ridge * len(labels)
    solution = np.linalg.solve(gram, (features.T @ targets).astype(np.float64))
    return Head(prototypes, solution.astype(np.float32), settings.sharpness)


def _centres(vectors: FloatArray, most: int, rounds: int = 4) -> FloatArray:
    """Find centres by spherical k-means from evenly spaced rows; none for no rows."""
    count = min(most, len(vectors))
    centres: FloatArray = vectors[np.linspace(0, len(vectors) - 1, count).astype(int)]
    if count == len(vectors):
        return centres
    for _ in range(rounds):
        nearest = np.argmax(vectors @ centres.T, axis=1)
        sums = (np.arange(count)[:, None] == nearest).astype(np.float32) @ vectors
        filled = np.einsum("ij,ij->i", sums, sums)[:, None] > 1e-9
        centres = np.where(filled, normalise_rows(sums), centres)
    return centres


def _folds(rows: int, folds: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield masks of the rows shown; every ``folds``-th row is hidden together."""
    folds = min(rows, max(2, folds))
    for fold in range(folds if rows > 1 else 0):
        yield np.arange(rows) % folds != fold


def _temperature(scores: Floats, labels: Ints, weights: FloatArray) -> float:
    grid = np.geomspace(0.01, 2.0, 54)
    own = np.arange(len(labels))
    losses = [-np.sum(weights * np.log(softmax(scores / t)[own, labels] + 1e-12)) for t in grid]
    return float(grid[int(np.argmin(losses))])
