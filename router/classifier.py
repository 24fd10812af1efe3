"""p(category | text), learnt from the names, descriptions, keywords and examples of a taxonomy.

Step one of the two-step router of "Composition of Experts" (arXiv 2412.01868). A category is a set
of prototypes, so that a broad one need not be one lump; a ridge regression on the similarities to
all prototypes (a radial basis function network: Broomhead and Lowe, 1988) weighs them against each
other. Everything is deterministic and takes a fraction of a second, so a router is rebuilt from its
taxonomy at each start, and a new category needs a file and no code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.embedding import Embedder, FloatArray
from router.embedding.protocol import normalise_rows
from router.taxonomy import Taxonomy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a classifier is learnt.

    Args:
        prototypes: At most this many a category.
        most_prototypes: At most this many in all, for large taxonomies; one a category is kept.
        sharpness: How fast a prototype's influence falls off with distance.
        ridge: Penalty on the weights.
        keyword_weight: Weight of a group of keywords; an example has 1.
        description_weight: Weight of a category's name with its description.
        folds: Parts of the cross-validation that sets the temperature.
    """

    prototypes: int = 50
    most_prototypes: int = 1000
    sharpness: float = 8.0
    ridge: float = 2.0
    keyword_weight: float = 1.0
    description_weight: float = 1.0
    folds: int = 3


@dataclass(frozen=True, slots=True)
class Rows:
    """What a taxonomy says, as training rows: vectors (n, d), labels (n,), weights (n,)."""

    vectors: FloatArray
    labels: Ints
    weights: FloatArray

    def __getitem__(self, chosen: npt.NDArray[Any]) -> Rows:
        return Rows(self.vectors[chosen], self.labels[chosen], self.weights[chosen])


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
    return Rows(embedder.embed(texts), np.array(labels, dtype=np.intp), scaled)


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
        transform: (d, d).
    """

    mean: FloatArray
    transform: FloatArray

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """Return unit vectors of the same shape."""
        moved = np.atleast_2d((vectors - self.mean) @ self.transform)
        return normalise_rows(moved).reshape(vectors.shape)


@dataclass(frozen=True, slots=True)
class Classifier:
    """Similarities to prototypes, weighed per category, with a temperature.

    Args:
        space: From the embedder's vectors to those compared here.
        prototypes: Unit vectors (P, d).
        weights: (P, C).
        sharpness: Of the similarities.
        temperature: Divides the scores before the softmax.
    """

    space: Space
    prototypes: FloatArray
    weights: FloatArray
    sharpness: float
    temperature: float = 1.0

    def __call__(self, vectors: FloatArray) -> Evidence:
        """Classify the embedder's vectors, shape (..., d)."""
        cosines = self.space(vectors) @ self.prototypes.T
        scores = _activation(cosines, self.sharpness) @ self.weights
        return Evidence(softmax(scores / self.temperature), cosines.max(axis=-1))


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
    space = fit_space(rows.vectors)
    classifier = _fit_head(rows, space, categories, settings)
    scores = np.zeros((len(rows.labels), categories))
    nearest = np.zeros(len(rows.labels), dtype=np.float32)
    for shown, hidden in _folds(len(rows.labels), settings.folds):
        part = _fit_head(rows[shown], space, categories, settings)
        cosines = space(rows.vectors[hidden]) @ part.prototypes.T
        scores[hidden] = _activation(cosines, settings.sharpness) @ part.weights
        nearest[hidden] = cosines.max(axis=1)
    temperature = _temperature(scores, rows.labels, rows.weights)
    calibrated = Classifier(
        space, classifier.prototypes, classifier.weights, settings.sharpness, temperature
    )
    return Fitted(calibrated, Evidence(softmax(scores / temperature), nearest))


def fit_space(vectors: FloatArray, smoothing: float = 0.5) -> Space:
    """Centre, and divide each principal axis by the square root of its deviation.

    Half of a whitening: directions that vary much lose some of their say. ``smoothing`` times the
    mean deviation is added, so that directions which hardly vary are not blown up.
    """
    mean = vectors.mean(axis=0)
    centred = (vectors - mean).astype(np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(vectors))
    deviations = np.sqrt(np.maximum(variances, 0.0))
    scale = np.sqrt(deviations + smoothing * deviations.mean() + 1e-9)
    return Space(mean, (axes / scale).astype(np.float32))


def softmax(scores: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return probabilities along the last axis, in float64, summing to one."""
    shifted = np.exp(np.asarray(scores, dtype=np.float64) - scores.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def _activation(cosines: FloatArray, sharpness: float) -> FloatArray:
    """Gaussian of the distance between unit vectors (whose square is 2 - 2 cos), as unit rows.

    Normalised, as texts far from every prototype would otherwise have next to no activation, and
    only the shape of it tells one category from another.
    """
    top = cosines.max(axis=-1, keepdims=True)
    raw = np.exp(np.float32(sharpness) * (cosines - top))
    result: FloatArray = raw / np.sqrt((raw * raw).sum(axis=-1, keepdims=True))
    return result


def _fit_head(rows: Rows, space: Space, categories: int, settings: Settings) -> Classifier:
    vectors = space(rows.vectors)
    most = max(1, min(settings.prototypes, settings.most_prototypes // categories))
    prototypes = np.vstack(
        [_centres(vectors[rows.labels == label], most) for label in range(categories)]
    )
    features = _activation(vectors @ prototypes.T, settings.sharpness)
    weighted = (features * rows.weights[:, None]).T
    targets = np.eye(categories, dtype=np.float32)[rows.labels] - np.float32(1 / categories)
    gram = (weighted @ features).astype(np.float64)
    gram[np.diag_indices_from(gram)] += settings.ridge
    weights = np.linalg.solve(gram, (weighted @ targets).astype(np.float64))
    return Classifier(space, prototypes, weights.astype(np.float32), settings.sharpness)


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


def _folds(rows: int, folds: int) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield masks of shown and hidden rows; every ``folds``-th row is hidden together."""
    part = np.arange(rows) % max(2, folds)
    for fold in range(min(rows, max(2, folds)) if rows > 1 else 0):
        yield part != fold, part == fold


def _temperature(scores: Floats, labels: Ints, weights: FloatArray) -> float:
    grid = np.geomspace(0.01, 2.0, 54)
    own = np.arange(len(labels))
    losses = [-np.sum(weights * np.log(softmax(scores / t)[own, labels] + 1e-12)) for t in grid]
    return float(grid[int(np.argmin(losses))])
