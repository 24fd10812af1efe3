"""Spherical k-means: groups of directions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.embedding.protocol import normalise_rows

Ints = npt.NDArray[np.intp]


def spherical_kmeans(
    vectors: FloatArray, count: int, seed: int, *, rounds: int = 12, tries: int = 1
) -> FloatArray:
    """Find unit centres (Dhillon and Modha, 2001), seeded far apart (k-means++, 2007).

    Args:
        vectors: Unit rows, shape (n, d).
        count: Centres wanted; no more are found than there are rows.
        seed: Of the choice of first centres.
        rounds: At most.
        tries: From so many first centres; the best is kept.

    Returns:
        Shape (min(count, n), d).
    """
    count = min(count, len(vectors))
    if count == len(vectors):
        return vectors.copy()
    generator = np.random.default_rng(seed)
    found = [_improve(vectors, _spread(vectors, count, generator), rounds) for _ in range(tries)]
    if tries == 1:
        return found[0]
    return max(found, key=lambda centres: float((vectors @ centres.T).max(axis=1).sum()))


def _improve(vectors: FloatArray, centres: FloatArray, rounds: int) -> FloatArray:
    nearest = np.full(len(vectors), -1)
    for _ in range(rounds):
        before, nearest = nearest, assign(vectors, centres)
        if np.array_equal(before, nearest):
            break
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        filled = np.einsum("ij,ij->i", sums, sums)[:, None] > 1e-9
        centres = np.where(filled, normalise_rows(sums), centres)
    return centres


def assign(vectors: FloatArray, centres: FloatArray) -> Ints:
    """Return the number of the nearest centre of each row."""
    return np.asarray((vectors @ centres.T).argmax(axis=1), dtype=np.intp)


def _spread(vectors: FloatArray, count: int, generator: np.random.Generator) -> FloatArray:
    """Choose rows, each with a probability that grows with its distance from those chosen."""
    chosen = [int(generator.integers(len(vectors)))]
    distance = np.full(len(vectors), np.inf)
    for _ in range(count - 1):
        to_last = np.maximum(1.0 - (vectors @ vectors[chosen[-1]]).astype(np.float64), 0.0)
        distance = np.minimum(distance, to_last)
        total = distance.sum()
        if total <= 1e-9:  # all the rest are copies of rows already chosen
            rest = np.setdiff1d(np.arange(len(vectors)), chosen)
            chosen.append(int(rest[0]))
            continue
        chosen.append(int(generator.choice(len(vectors), p=distance / total)))
    return vectors[chosen]
