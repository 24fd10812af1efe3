"""p(category | text), learnt from the names, descriptions, keywords and examples of a taxonomy.

Step one of the two-step router of "Composition of Experts" (arXiv 2412.01868). Everything is
closed form and deterministic, so that a router is rebuilt from its taxonomy in milliseconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.embedding import Embedder, FloatArray
from router.taxonomy import Taxonomy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a classifier is learnt.

    Args:
        ridge: Penalty on the squared weights, relative to the rows' total weight.
        keyword_weight: Weight of a group of keywords; an example has 1.
        description_weight: Weight of a category's name with its description.
    """

    ridge: float = 0.02
    keyword_weight: float = 0.5
    description_weight: float = 2.0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for the content hash."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a taxonomy says, as training rows: vectors (n, d), labels (n,), weights (n,)."""

    vectors: FloatArray
    labels: Ints
    weights: Floats


def training_rows(taxonomy: Taxonomy, embedder: Embedder, settings: Settings) -> Rows:
    """Embed all that the taxonomy says of its categories.

    Weights are scaled so that every category weighs the same however much is said of it.
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
    return Rows(embedder.embed(texts), np.array(labels, dtype=np.intp), np.array(weights))


@dataclass(frozen=True, slots=True)
class Classifier:
    """A linear head with a temperature.

    Args:
        weights: (d, C).
        bias: (C,).
        temperature: Divides the scores before the softmax.
    """

    weights: FloatArray
    bias: FloatArray
    temperature: float

    def probabilities(self, vectors: FloatArray) -> Floats:
        """Return the calibrated probabilities of vectors (..., d), shape (..., C)."""
        return softmax((vectors @ self.weights + self.bias) / self.temperature)


def softmax(scores: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return probabilities along the last axis, in float64, summing to one."""
    shifted = np.exp(np.asarray(scores, dtype=np.float64) - scores.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def fit(rows: Rows, categories: int, settings: Settings) -> tuple[Classifier, Floats]:
    """Fit a ridge regression on one-hot labels; return it and the left-out probabilities.

    Leave-one-out scores come from the diagonal of the hat matrix without refitting; the
    temperature minimises their weighted negative log-likelihood (Guo et al., "On Calibration of
    Modern Neural Networks", 2017).
    """
    x = np.hstack([rows.vectors, np.ones((len(rows.vectors), 1))]).astype(np.float64)
    y = np.eye(categories)[rows.labels]
    penalty = np.full(x.shape[1], settings.ridge * rows.weights.sum() / x.shape[1])
    penalty[-1] = 1e-9
    gram = (x * rows.weights[:, None]).T @ x + np.diag(penalty)
    solution = np.linalg.solve(gram, np.hstack([(x * rows.weights[:, None]).T @ y, x.T]))
    head = solution[:, :categories]
    leverage = rows.weights * np.einsum("ij,ji->i", x, solution[:, categories:])
    left_out = (x @ head - leverage[:, None] * y) / (1.0 - np.minimum(leverage, 0.99))[:, None]
    temperature = _temperature(left_out, rows.labels, rows.weights)
    classifier = Classifier(
        head[:-1].astype(np.float32), head[-1].astype(np.float32), temperature
    )
    return classifier, softmax(left_out / temperature)


def _temperature(scores: Floats, labels: Ints, weights: Floats) -> float:
    grid = np.geomspace(0.01, 3.0, 58)
    picked = np.arange(len(labels))
    losses = [
        -np.sum(weights * np.log(softmax(scores / t)[picked, labels] + 1e-12)) for t in grid
    ]
    return float(grid[int(np.argmin(losses))])
