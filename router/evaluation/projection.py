"""Many dimensions drawn in two: principal components, the same every time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from router.embedding import FloatArray
from router.evaluation.metrics import Floats, Ints


class Projection(NamedTuple):
    """Vectors in a plane.

    Args:
        places: Shape (n, 2), within -1 and 1; the longer axis fills that.
        explained: Share of the variance that each axis shows, shape (2,).
    """

    places: Floats
    explained: Floats


def project(vectors: FloatArray) -> Projection:
    """Return the first two principal components (Pearson 1901; Hotelling 1933).

    The sign of an axis is free; here the loading largest in size is positive, so that the same
    vectors always come to the same picture.

    Args:
        vectors: Shape (n, d).
    """
    places = np.zeros((len(vectors), 2))
    if len(vectors) < 2:
        return Projection(places, np.zeros(2))
    centred = np.asarray(vectors, dtype=np.float64) - vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    kept = axes[:, ::-1][:, :2]
    largest = kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])]
    found = centred @ (kept * np.where(largest < 0, -1.0, 1.0))
    places[:, : found.shape[1]] = found
    total = max(float(variances.sum()), 1e-12)
    explained = np.zeros(2)
    explained[: found.shape[1]] = np.maximum(variances[::-1][:2], 0.0) / total
    return Projection(places / max(float(np.abs(places).max()), 1e-12), explained)


def spread(count: int, most: int) -> Ints:
    """Return at most so many of ``count`` numbers, evenly spaced: those that are drawn."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
