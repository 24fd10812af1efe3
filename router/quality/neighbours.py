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
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.quality.kernel import FloatArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_SHARPNESS = (0.3, 0.6, 1.25, 2.5, 5.0)
_PRIORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_CELL = 64
"""Prompts in a cell, about."""
_PROBES = 3
_FAR = -4.0
"""Cells in which every similarity is below e to the double of this have no say."""
_ERRORS = 2.0
"""Neighbours are kept if they lower the error on rows left out by so many standard errors."""


class Neighbourly(NamedTuple):
    """What neighbours say of one prompt."""

    components: FloatArray
    """Of what is to be added, shape (R,)."""
    evidence: float
    """Effective number of similar prompts."""


class FittedNeighbours(NamedTuple):
    """Neighbours, and what they would say of each row had it been left out."""

    neighbours: Neighbours | None
    """``None`` where they do not help."""
    held_out: Floats
    """Shape (n, R), zeros without neighbours."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Prompts by the centre that is nearest.

    Args:
        centres: Shape (k, a).
        starts: Where each cell begins in ``coordinates``, and where the last ends, shape (k + 1,).
        coordinates: Of the prompts, cell by cell, shape (m, a).
    """

    centres: FloatArray
    starts: Ints
    coordinates: FloatArray
    _halves: tuple[FloatArray, FloatArray] = field(init=False, repr=False, compare=False)
    _bounds: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Worked out once: half the squared lengths, and plain numbers to cut with.
        halves = tuple(0.5 * np.einsum("ij,ij->i", x, x) for x in (self.centres, self.coordinates))
        object.__setattr__(self, "_halves", halves)
        object.__setattr__(self, "_bounds", self.starts.tolist())

    def near(self, place: FloatArray) -> list[tuple[slice, FloatArray]]:
        """Return the rows of the cells near a place, and minus half their squared distances to it.

        Args:
            place: Shape (a,).
        """
        of_centres, of_prompts = self._halves
        scores = self.centres @ place
        scores -= of_centres
        probes = min(_PROBES, len(scores))
        cells = scores.argpartition(-probes)[-probes:].tolist() if probes > 1 else [0]
        own = np.float32(0.5) * (place @ place)
        found = []
        for cell in cells:
            rows = slice(self._bounds[cell], self._bounds[cell + 1])
            if rows.start < rows.stop:
                closeness = self.coordinates[rows] @ place
                closeness -= of_prompts[rows]
                closeness -= own
                found.append((rows, closeness))
        return found


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Stored prompts, in half precision, with what was left over of their scores.

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

    def __call__(self, coordinates: FloatArray) -> Neighbourly:
        """Ask the neighbours of a prompt with these coordinates, shape (a,)."""
        evidence = 0.0
        said = np.zeros(self.outcomes.shape[1], dtype=np.float32)
        for rows, closeness in self.cells.near(coordinates):
            if np.maximum.reduce(closeness) < _FAR / self.sharpness:
                continue  # as nearly always: most prompts are like none
            weights = _similarity(closeness, self.sharpness)
            evidence += float(weights.sum())
            said += weights @ self.outcomes[rows]
        said /= np.float32(self.prior + evidence)
        return Neighbourly(said, evidence)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name; most of it in half precision."""
        return {
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
        centres, coordinates, outcomes = (
            np.ascontiguousarray(arrays[name], dtype=np.float32)
            for name in ("centres", "coordinates", "outcomes")
        )
        starts = np.asarray(arrays["starts"], dtype=np.intp)
        fits = (
            centres.ndim == coordinates.ndim == outcomes.ndim == 2
            and centres.shape[1] == coordinates.shape[1]
            and len(coordinates) == len(outcomes)
            and starts.shape == (len(centres) + 1,)
            and len(centres) > 0
            and starts[0] == 0
            and starts[-1] == len(coordinates)
            and bool((np.diff(starts) >= 0).all())
        )
        if not fits:
            raise ValueError("the parts of the neighbours do not fit together")
        cells = Cells(centres, starts, coordinates)
        return cls(cells, outcomes, float(sharpness), float(prior))


def fit_neighbours(
    coordinates: FloatArray,
    outcomes: Floats,
    *,
    most: int,
    generator: np.random.Generator,
) -> FittedNeighbours:
    """Store prompts, or none if that does not help.

    Sharpness and prior are those with the least error on rows left out.

    Args:
        coordinates: Of the prompts, shape (n, a).
        outcomes: Components of score less what would have been expected without the row, (n, R).
        most: At most this many are stored, drawn at random.
        generator: Draws them.
    """
    count = len(coordinates)
    rows = np.sort(generator.choice(count, min(most, count), replace=False))
    cells, order = _cells(coordinates[rows], generator)
    rows = rows[order]
    kept = outcomes[rows].astype(np.float16).astype(np.float32)
    told, evidence = _left_out(cells, coordinates[rows], kept)
    held_out = np.zeros(outcomes.shape)
    chosen = _sharpness_and_prior(outcomes[rows], told, evidence)
    if chosen is None:
        return FittedNeighbours(None, held_out)
    number, prior = chosen
    found = Neighbours(cells, kept, _SHARPNESS[number], prior)
    for row in np.setdiff1d(np.arange(count), rows).tolist():
        held_out[row] = found(coordinates[row]).components
    held_out[rows] = told[number] / (prior + evidence[number])[:, None]
    return FittedNeighbours(found, held_out)


def _sharpness_and_prior(
    outcomes: Floats, told: Floats, evidence: Floats
) -> tuple[int, float] | None:
    """Return the index of the sharpness and the prior that lower the error most, if any do."""
    before = (outcomes**2).sum(axis=1)
    best, chosen = 0.0, None
    for number in range(len(_SHARPNESS)):
        for prior in _PRIORS:
            said = told[number] / (prior + evidence[number])[:, None]
            gains = before - ((outcomes - said) ** 2).sum(axis=1)
            gain, error = float(gains.mean()), float(gains.std()) / len(gains) ** 0.5
            if gain > max(best, _ERRORS * error):
                best, chosen = gain, (number, prior)
    return chosen


def _cells(coordinates: FloatArray, generator: np.random.Generator) -> tuple[Cells, Ints]:
    """Return the cells, and the order of the rows in them."""
    # Rounded as it will be when it is read again.
    rounded = coordinates.astype(np.float16).astype(np.float32)
    count = max(1, len(rounded) // _CELL)
    centres = rounded[np.sort(generator.choice(len(rounded), count, replace=False))]
    halves = 0.5 * np.einsum("ij,ij->i", centres, centres)
    cell = np.argmax(rounded @ centres.T - halves, axis=1)
    order = np.argsort(cell, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=count))])
    return Cells(centres, starts, np.ascontiguousarray(rounded[order])), order


def _left_out(cells: Cells, coordinates: FloatArray, outcomes: FloatArray) -> tuple[Floats, Floats]:
    """Ask the neighbours of each stored prompt without itself, for each sharpness.

    Returns:
        Weighted sums of outcomes (s, n, R), and sums of weights (s, n).
    """
    told = np.zeros((len(_SHARPNESS), *outcomes.shape))
    evidence = np.zeros((len(_SHARPNESS), len(outcomes)))
    for row, place in enumerate(coordinates):
        for near, closeness in cells.near(place):
            for number, sharpness in enumerate(_SHARPNESS):
                weights = _similarity(closeness, sharpness)
                if near.start <= row < near.stop:
                    weights[row - near.start] = 0.0
                told[number, row] += weights @ outcomes[near]
                evidence[number, row] += weights.sum()
    return told, evidence


def _similarity(closeness: FloatArray, sharpness: float) -> FloatArray:
    """Return similarities, 0 to 1, of minus half the squared distances."""
    exponents = np.minimum(np.float32(2.0 * sharpness) * closeness, np.float32(0.0))  # rounding
    found: FloatArray = np.exp(exponents, out=exponents)
    return found
