"""What happened on prompts much like this one, believed by how many there are.

The estimator of Nadaraya and Watson (1964), with a sharp kernel: from prompts that are merely of
the same kind the heads have learnt already, and what is left over to learn is remembered from those
that say nearly the same. Each counts by its similarity, a number between 0 and 1, and their sum is
the effective sample size; the mean of what they tell is drawn to zero as if so many prompts more
had told nothing.

Prompts are kept in cells, around centres drawn from them, and only the nearest cells are looked
into (an inverted file: Sivic and Zisserman, "Video Google", 2003), so that 100 stored prompts and
20,000 take about the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.quality.kernel import FloatArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_SHARPNESS = (5.0, 10.0, 20.0, 40.0, 80.0)
_PRIORS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_CELL = 64
"""Prompts in a cell, about."""
_PROBES = 3
_ERRORS = 2.0
"""Neighbours are kept if they lower the error on rows left out by so many standard errors."""


class Neighbourly(NamedTuple):
    """What neighbours say of one prompt."""

    components: FloatArray
    """Of what is to be added, shape (R,)."""
    evidence: float
    """Effective number of similar prompts."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Prompts by the centre that is nearest.

    Args:
        projection: From the embedder's vectors to coordinates, shape (d, b).
        centres: Shape (k, b).
        starts: Where each cell begins in ``coordinates``, and where the last ends, shape (k + 1,).
        coordinates: Of the prompts, cell by cell, shape (m, b).
    """

    projection: FloatArray
    centres: FloatArray
    starts: Ints
    coordinates: FloatArray

    def near(self, vector: npt.NDArray[Any]) -> tuple[Ints, FloatArray]:
        """Return prompts near a vector, and their squared distances to it."""
        place = vector.astype(np.float32, copy=False) @ self.projection
        away = self.centres - place
        distances = np.einsum("ij,ij->i", away, away)
        probes = min(_PROBES, len(distances))
        cells = np.argpartition(distances, probes - 1)[:probes].tolist()
        rows = np.concatenate([np.arange(*self.starts[cell : cell + 2]) for cell in cells])
        away = self.coordinates[rows] - place
        return rows, np.einsum("ij,ij->i", away, away)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Stored prompts, in few dimensions and half precision, with what was left over of their scores.

    Args:
        cells: Where they are.
        outcomes: Components of score less what was expected, shape (m, R).
        sharpness: How fast similarity falls off with squared distance.
        prior: Effective number of prompts that would have told nothing.
    """

    cells: Cells
    outcomes: FloatArray
    sharpness: float
    prior: float

    def __call__(self, vector: npt.NDArray[Any]) -> Neighbourly:
        """Ask the neighbours of the embedder's vector of a prompt, shape (d,)."""
        rows, distances = self.cells.near(vector)
        weights = np.exp(np.float32(-self.sharpness) * distances)
        evidence = float(weights.sum())
        said = weights @ self.outcomes[rows]
        return Neighbourly(said / np.float32(self.prior + evidence), evidence)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name; most of it in half precision."""
        return {
            "projection": self.cells.projection,
            "centres": self.cells.centres,
            "starts": self.cells.starts.astype(np.int64),
            "coordinates": self.cells.coordinates.astype(np.float16),
            "outcomes": self.outcomes.astype(np.float16),
        }

    @classmethod
    def load(
        cls, arrays: Mapping[str, npt.NDArray[Any]], sharpness: float, prior: float
    ) -> Neighbours:
        """Return the neighbours of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together.
        """
        # Widened once: half precision saves space on disk, but numpy calculates slowly in it.
        projection, centres, coordinates, outcomes = (
            np.ascontiguousarray(arrays[name], dtype=np.float32)
            for name in ("projection", "centres", "coordinates", "outcomes")
        )
        starts = np.asarray(arrays["starts"], dtype=np.intp)
        fits = (
            projection.ndim == centres.ndim == coordinates.ndim == outcomes.ndim == 2
            and projection.shape[1] == centres.shape[1] == coordinates.shape[1]
            and len(coordinates) == len(outcomes)
            and starts.shape == (len(centres) + 1,)
            and len(centres) > 0
            and starts[0] == 0
            and starts[-1] == len(coordinates)
            and bool((np.diff(starts) >= 0).all())
        )
        if not fits:
            raise ValueError("the parts of the neighbours do not fit together")
        cells = Cells(projection, centres, starts, coordinates)
        return cls(cells, outcomes, float(sharpness), float(prior))


def fit_neighbours(
    vectors: npt.NDArray[Any],
    outcomes: Floats,
    *,
    most: int,
    axes: int,
    generator: np.random.Generator,
) -> Neighbours | None:
    """Store prompts, or none if that does not help.

    Sharpness and prior are those with the least error on rows left out.

    Args:
        vectors: The embedder's, of the prompts, shape (n, d).
        outcomes: Components of score less what would have been expected without the row, (n, R).
        most: At most this many are stored, drawn at random.
        axes: At most this many principal axes of the vectors are.
        generator: Draws them.
    """
    rows = np.sort(generator.choice(len(vectors), min(most, len(vectors)), replace=False))
    cells, order = _cells(np.asarray(vectors[rows], dtype=np.float32), axes, generator)
    vectors, left = vectors[rows][order], outcomes[rows][order]
    kept = left.astype(np.float16).astype(np.float32)
    told, evidence = _left_out(cells, vectors, kept)
    before = (left**2).sum(axis=1)
    best: tuple[float, Neighbours | None] = (0.0, None)
    for number, sharpness in enumerate(_SHARPNESS):
        for prior in _PRIORS:
            said = told[number] / (prior + evidence[number])[:, None]
            gains = before - ((left - said) ** 2).sum(axis=1)
            gain = float(gains.mean())
            error = float(gains.std()) / len(gains) ** 0.5
            if gain > max(best[0], _ERRORS * error):
                best = gain, Neighbours(cells, kept, sharpness, prior)
    return best[1]


def _cells(vectors: FloatArray, axes: int, generator: np.random.Generator) -> tuple[Cells, Ints]:
    """Return the cells, and the order of the rows in them."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :axes]
    projection = np.ascontiguousarray(directions, dtype=np.float32)
    # Rounded as it will be when it is read again.
    coordinates = (vectors @ projection).astype(np.float16).astype(np.float32)
    count = max(1, len(vectors) // _CELL)
    centres = coordinates[np.sort(generator.choice(len(vectors), count, replace=False))]
    halves = 0.5 * np.einsum("ij,ij->i", centres, centres)
    cell = np.argmax(coordinates @ centres.T - halves, axis=1)
    order = np.argsort(cell, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=count))])
    return Cells(projection, centres, starts, np.ascontiguousarray(coordinates[order])), order


def _left_out(
    cells: Cells, vectors: npt.NDArray[Any], outcomes: FloatArray
) -> tuple[Floats, Floats]:
    """Ask the neighbours of each stored prompt without itself, for each sharpness.

    Returns:
        Weighted sums of outcomes (s, n, R), and sums of weights (s, n).
    """
    sharpness = np.array(_SHARPNESS, dtype=np.float32)
    told = np.zeros((len(sharpness), *outcomes.shape))
    evidence = np.zeros((len(sharpness), len(outcomes)))
    for row, vector in enumerate(vectors):
        near, distances = cells.near(vector)
        others = near != row
        weights = np.exp(-sharpness[:, None] * distances[others])
        told[:, row] = weights @ outcomes[near[others]]
        evidence[:, row] = weights.sum(axis=1)
    return told, evidence
