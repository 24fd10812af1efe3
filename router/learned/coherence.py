"""Categories that hold more than one kind of prompt, and are worth splitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.classifier import fit_space
from router.embedding import FloatArray
from router.learned.clusters import assign, spherical_kmeans

Ints = npt.NDArray[np.intp]
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Split:
    """A category in two parts that have nothing in common.

    Args:
        category: Its number.
        similarity: Cosine between the centres of the parts, below zero.
        parts: The rows of each part, the most typical first.
    """

    category: int
    similarity: float
    parts: tuple[tuple[int, ...], tuple[int, ...]]


def incoherent(
    vectors: FloatArray, labels: Ints, *, smallest: int = 10, seed: int = 0
) -> tuple[Split, ...]:
    """Find categories whose two halves are no more alike than prompts of different categories.

    Vectors are centred first, so that unrelated prompts have a cosine of zero on average. Of two
    domains of CLINC150 merged into one all 12 of 12 were found in a trial, of two intents 8 of 12;
    of the 150 intents by themselves none, of the 10 domains two (utility, work).

    Args:
        vectors: The embedder's vectors, shape (n, d).
        labels: Numbers of categories, -1 for none, shape (n,).
        smallest: Parts with fewer prompts do not count.
        seed: Of the search for parts.

    Returns:
        The least coherent first; nothing where there is but one category to compare with.
    """
    vectors, rows = vectors[labels >= 0], np.flatnonzero(labels >= 0)
    labels = labels[labels >= 0]
    found = np.unique(labels)
    if len(found) < 2:
        return ()
    units = fit_space(vectors, vectors.shape[1])(vectors)
    splits = []
    for label in found.tolist():
        own = np.flatnonzero(labels == label)
        halves, similarity = _halves(units[own], seed)
        if min(map(len, halves)) >= smallest and similarity < 0.0:
            first, second = (tuple(rows[own[half]].tolist()) for half in halves)
            splits.append(Split(label, similarity, (first, second)))
    return tuple(sorted(splits, key=lambda split: split.similarity))


def _halves(units: FloatArray, seed: int) -> tuple[list[Ints], float]:
    """Return the two parts, the most typical rows first, and the cosine of their centres."""
    if len(units) < 2:
        return [np.arange(len(units)), np.arange(0)], 1.0
    centres = spherical_kmeans(units, 2, seed, tries=_TRIES)
    cosines, side = units @ centres.T, assign(units, centres)
    parts = [np.flatnonzero(side == each) for each in (0, 1)]
    ordered = [part[np.argsort(-cosines[part, i], kind="stable")] for i, part in enumerate(parts)]
    return ordered, float(centres[0] @ centres[1])
