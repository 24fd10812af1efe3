"""Growing the training set from a few labelled prompts (semi-supervised label spreading).

As in "Composition of Experts" (arXiv 2412.01868): unlabelled prompts take the label of their
nearest labelled neighbours. The recipe is our own. A prompt joins only when its neighbours agree,
a category's nearest prompt is nearer than any other's by a margin, it lies inside the category's
radius, and a second opinion says the same where there is one; a few rounds, each of which may at
most double a category, so that none runs away with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.classifier import fit_space
from router.embedding import FloatArray

Ints = npt.NDArray[np.intp]
Opinion = Callable[[Ints, Ints], Ints]
"""From the labels so far (n,) and the numbers of some rows to the labels it would give these."""
Mask = npt.NDArray[np.bool_]
_CHUNK = 2048


@dataclass(frozen=True, slots=True)
class GrowthSettings:
    """When a prompt joins.

    Args:
        neighbours: Labelled prompts that are asked.
        agreement: Share of their similarity that must speak for one category.
        margin: By which the nearest prompt of that category must be more similar than the nearest
            of any other.
        radius: Quantile of the similarities between a category's labelled prompts and their
            nearest fellow; nearer than this is inside.
        rounds: At most.
    """

    neighbours: int = 5
    agreement: float = 0.4
    margin: float = 0.02
    radius: float = 0.05
    rounds: int = 4


@dataclass(frozen=True, slots=True)
class Growth:
    """Labels after growing.

    Args:
        labels: Numbers of categories, -1 where still none, shape (n,).
        added: Rows that got their label here, shape (n,).
        per_round: How many joined in each round.
    """

    labels: Ints
    added: Mask
    per_round: tuple[int, ...]


def grow(
    vectors: FloatArray,
    labels: Ints,
    *,
    held_out: Mask | None = None,
    second_opinion: Opinion | None = None,
    settings: GrowthSettings | None = None,
) -> Growth:
    """Spread labels to unlabelled prompts.

    Args:
        vectors: The embedder's vectors, shape (n, d).
        labels: Numbers of categories, -1 for none, shape (n,).
        held_out: Rows to measure on: they neither get a label nor spread theirs.
        second_opinion: Asked for each prompt that would join; where it differs, it does not.
        settings: When a prompt joins.

    Raises:
        ValueError: Where the parts do not fit together.
    """
    settings = settings or GrowthSettings()
    if len(vectors) != len(labels):
        raise ValueError(f"{len(vectors)} vectors and {len(labels)} labels: not equally many")
    aside = np.zeros(len(labels), dtype=bool) if held_out is None else held_out
    grown = labels.copy()
    sizes = np.bincount(labels[(labels >= 0) & ~aside], minlength=int(labels.max(initial=-1)) + 1)
    if not sizes.any():
        return Growth(grown, np.zeros(len(labels), dtype=bool), ())
    units = fit_space(vectors, vectors.shape[1])(vectors)
    room, per_round = int(sizes.max()), []
    for _ in range(settings.rounds):
        room *= 2
        rows, given = _round(units, grown, aside, room, settings)
        if second_opinion is not None and len(rows):
            agreed = second_opinion(grown, rows) == given
            rows, given = rows[agreed], given[agreed]
        if not len(rows):
            break
        grown[rows] = given
        per_round.append(len(rows))
    return Growth(grown, grown != labels, tuple(per_round))


def _round(
    units: FloatArray, labels: Ints, aside: Mask, room: int, settings: GrowthSettings
) -> tuple[Ints, Ints]:
    """Return the rows that join and their labels: the surest first, as many as there is room."""
    shown = np.flatnonzero((labels >= 0) & ~aside)
    asked = np.flatnonzero((labels < 0) & ~aside)
    own = labels[shown]
    radius = _radii(units[shown], own, settings.radius)
    found: list[tuple[float, int, int]] = []
    for rows in _chunks(asked):
        cosines = units[rows] @ units[shown].T
        label, sure = _votes(cosines, own, settings, radius)
        kept = np.isfinite(sure)
        found += zip(sure[kept].tolist(), rows[kept].tolist(), label[kept].tolist(), strict=True)
    left = dict(enumerate((room - np.bincount(own, minlength=len(radius))).tolist()))
    joined = []
    for _, row, category in sorted(found, key=lambda each: (-each[0], each[1])):
        if left[category] > 0:
            left[category] -= 1
            joined.append((row, category))
    pairs = np.array(joined, dtype=np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _votes(
    cosines: FloatArray, own: Ints, settings: GrowthSettings, radius: FloatArray
) -> tuple[Ints, FloatArray]:
    """Return the label of each row and how sure it is, minus infinity where it may not join."""
    rows = np.arange(len(cosines))
    count = min(settings.neighbours, len(own))
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    said = np.zeros((len(cosines), len(radius)), dtype=np.float32)
    weights = np.maximum(np.take_along_axis(cosines, nearest, axis=1), 0.0)
    np.add.at(said, (rows[:, None], own[nearest]), weights)
    label = said.argmax(axis=1)
    agreement = said[rows, label] / np.maximum(said.sum(axis=1), 1e-9)
    theirs = own[None, :] == label[:, None]
    best = np.where(theirs, cosines, -1.0).max(axis=1)
    margin = best - np.where(theirs, -1.0, cosines).max(axis=1)
    joins = (agreement >= settings.agreement) & (margin >= settings.margin)
    joins &= best >= radius[label]
    return label, np.where(joins, best + margin, -np.inf).astype(np.float32)


def _radii(units: FloatArray, labels: Ints, quantile: float) -> FloatArray:
    """Return for each category how similar its prompts are to their nearest fellow.

    A category with one prompt has the radius of the average one.
    """
    radii = np.full(int(labels.max()) + 1, np.nan)
    for label in np.unique(labels):
        members = units[labels == label]
        if len(members) > 1:
            cosines = members @ members.T
            np.fill_diagonal(cosines, -1.0)
            radii[label] = np.quantile(cosines.max(axis=1), quantile)
    usual = np.nanmean(radii) if np.isfinite(radii).any() else 1.0
    return np.where(np.isfinite(radii), radii, usual).astype(np.float32)


def _chunks(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
