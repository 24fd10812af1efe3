"""A head on a frozen embedder, learned so that prompts of one category lie close together.

A linear map trained with the supervised contrastive loss (Khosla et al., NeurIPS 2020): each prompt
is to be more similar to those of its category than to the others of its batch. The embedder itself
is not touched, so learning takes seconds and one matrix is all there is to store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.embedding.protocol import Embedder, FloatArray, normalise_rows

Ints = npt.NDArray[np.intp]
_FIRST_DECAY, _SECOND_DECAY = 0.9, 0.999


@dataclass(frozen=True, slots=True)
class ContrastiveSettings:
    """How a head is learned.

    Args:
        dimensions: Of the new vectors, at most those of the old.
        temperature: Divides the similarities; the smaller, the more the nearest count.
        batch: Prompts compared with each other.
        epochs: Times each prompt is seen.
        rate: Step size (Adam: Kingma and Ba, 2015).
        pull: Penalty on the distance from the first map, which keeps the embedder's similarities.
    """

    dimensions: int = 128
    temperature: float = 0.1
    batch: int = 512
    epochs: int = 8
    rate: float = 0.003
    pull: float = 0.001


class ContrastiveEmbedder:
    """Another embedder's vectors, mapped.

    Args:
        base: The embedder.
        matrix: Shape (dimensions of the base, dimensions).

    Raises:
        ValueError: Where the matrix does not fit the base, or holds a value that is no number.
    """

    def __init__(self, base: Embedder, matrix: FloatArray) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != base.dimensions:
            raise ValueError(
                f"a matrix of {matrix.shape} does not map {base.dimensions} dimensions"
            )
        if not np.isfinite(matrix).all():
            raise ValueError("the matrix holds a value that is no number")
        self.base = base
        self._matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        digest = hashlib.sha256(self._matrix.tobytes()).hexdigest()[:12]
        self._id = f"{base.id}-contrastive-{digest}"

    @property
    def id(self) -> str:
        """Names the vectors, by the base and the content of the matrix."""
        return self._id

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return int(self._matrix.shape[1])

    def description(self) -> dict[str, Any]:
        """Return what the base is; the matrix is given by :meth:`arrays`."""
        return {"kind": "contrastive", "base": self.base.description()}

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``."""
        return self.map(self.base.embed(texts))

    def map(self, vectors: FloatArray) -> FloatArray:
        """Return the vectors of texts from the base embedder's vectors of them."""
        return normalise_rows(vectors @ self._matrix)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that :meth:`load` needs beside the base."""
        return {"matrix": self._matrix}

    @classmethod
    def load(cls, base: Embedder, arrays: Mapping[str, npt.NDArray[Any]]) -> ContrastiveEmbedder:
        """Put a head together again.

        Raises:
            ValueError: As when it is built, or where the matrix is missing.
        """
        if "matrix" not in arrays:
            raise ValueError("the contrastive head lacks its matrix")
        return cls(base, np.asarray(arrays["matrix"], dtype=np.float32))


def fit_contrastive(
    vectors: FloatArray,
    labels: Ints,
    *,
    seed: int = 0,
    settings: ContrastiveSettings | None = None,
) -> FloatArray:
    """Learn the matrix of a head.

    Args:
        vectors: The base embedder's vectors, shape (n, d).
        labels: Numbers of categories, -1 for none (such rows are left out), shape (n,).
        seed: Of the batches.
        settings: See there.

    Returns:
        Shape (d, dimensions).

    Raises:
        ValueError: With fewer than two categories.
    """
    settings = settings or ContrastiveSettings()
    vectors, labels = vectors[labels >= 0], labels[labels >= 0]
    if len(np.unique(labels)) < 2:
        raise ValueError("a contrastive head needs prompts of at least two categories")
    first = _principal_axes(vectors, min(settings.dimensions, vectors.shape[1]))
    matrix, generator = first.copy(), np.random.default_rng(seed)
    mean, square, step = np.zeros_like(matrix), np.zeros_like(matrix), 0
    for _ in range(settings.epochs):
        order = generator.permutation(len(labels))
        for start in range(0, len(order), settings.batch):
            rows = order[start : start + settings.batch]
            slope = _slope(matrix, vectors[rows], labels[rows], settings.temperature)
            slope += settings.pull * (matrix - first)
            step += 1
            mean += (1 - _FIRST_DECAY) * (slope - mean)
            square += (1 - _SECOND_DECAY) * (slope * slope - square)
            scale = np.sqrt(square / (1 - _SECOND_DECAY**step)) + 1e-8
            matrix -= settings.rate * (mean / (1 - _FIRST_DECAY**step)) / scale
    return matrix


def beside(matrix: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return a matrix that keeps the base's own vectors and puts the head's behind them.

    What a head gives away for drawing categories together is still there for a classifier to use.

    Args:
        matrix: Of the head, shape (d, dimensions).
        vectors: The base's, on which both parts have the same mean length, shape (n, d).

    Returns:
        Shape (d, d + dimensions).
    """
    length = float(np.linalg.norm(vectors @ matrix, axis=1).mean())
    own = np.eye(len(matrix), dtype=np.float32)
    return np.hstack([own, matrix / np.float32(max(length, 1e-6))])


def _principal_axes(vectors: FloatArray, count: int) -> FloatArray:
    """Start from the axes along which the vectors vary most: nearly the same similarities."""
    _, directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    return np.ascontiguousarray(directions[:, ::-1][:, :count], dtype=np.float32)


def _slope(matrix: FloatArray, vectors: FloatArray, labels: Ints, temperature: float) -> FloatArray:
    """Return the gradient of the loss by the matrix, on one batch."""
    moved = vectors @ matrix
    norms = np.maximum(np.sqrt(np.einsum("ij,ij->i", moved, moved)), 1e-6)[:, None]
    units = moved / norms
    alike = (labels[:, None] == labels[None, :]).astype(np.float32)
    np.fill_diagonal(alike, 0.0)
    fellows = alike.sum(axis=1, keepdims=True)
    scores = units @ units.T / np.float32(temperature)
    np.fill_diagonal(scores, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    wrong = np.where(fellows > 0, shares - alike / np.maximum(fellows, 1.0), 0.0)
    wrong /= np.float32(temperature * len(labels))
    by_unit = (wrong + wrong.T) @ units
    by_moved = (by_unit - units * np.einsum("ij,ij->i", by_unit, units)[:, None]) / norms
    return np.asarray(vectors.T @ by_moved, dtype=np.float32)
