"""Which prompts are worth asking: few, different from each other, and telling experts apart.

Prompts that all experts pass or fail, or that a blind guess passes, tell nothing and are dropped. Of the
rest those are taken that are most like all the others together: facility location, a submodular
function, of which greedy choice reaches at least 1 - 1/e of the best (Nemhauser, Wolsey and Fisher,
1978), with gains looked at again only when they may matter (Minoux, 1978). INGENIOUS (arXiv 2305.06677)
chooses training data so.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.evidence.means import Floats

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
MOST_ROWS = 8000
"""Prompts of a category that are compared with each other: 256 MB."""


class Told(NamedTuple):
    """Which prompts tell experts apart, and why the others tell nothing."""

    tells: Bools
    """Shape (n,)."""
    passed: int
    """Prompts that all experts pass."""
    failed: int
    """Prompts that all fail."""
    guessed: int
    """Prompts that a blind guess passes, of the others."""
    unscored: int
    """Prompts without a score, of which nothing is known."""


class Chosen(NamedTuple):
    """Prompts of one category."""

    rows: Ints
    """Of the prompts, in the order in which they were chosen: any first part is a good choice too."""
    stands_for: Floats
    """Share of what there is to tell that each stands for; they add up to 1."""
    coverage: float
    """Of all that there is to tell, how much the chosen ones cover, 0 to 1."""


def told(scores: Floats, blind: Floats | None = None, *, passing: float = 0.5) -> Told:
    """Return which prompts tell experts apart.

    Those that do count alike: weighing them by the variance of their scores favours prompts that half of the
    experts pass, which do not tell the best apart, and was measured to choose no better
    (``benchmarks/bench_evidence.py``).

    Args:
        scores: Of n prompts and E experts, 0 to 1, NaN where not measured, shape (n, E).
        blind: Of one that guesses blindly, shape (n,).
        passing: Score from which on a prompt is passed.
    """
    count = np.isfinite(scores).sum(axis=1)
    passes = (scores >= passing).sum(axis=1)  # NaN passes nothing
    passed, failed = (passes == count) & (count > 0), (passes == 0) & (count > 0)
    differing = (count > 0) & ~passed & ~failed
    guessed = differing & (blind >= passing) if blind is not None else np.zeros_like(differing)
    return Told(
        differing & ~guessed,
        int(passed.sum()),
        int(failed.sum()),
        int(guessed.sum()),
        int((count == 0).sum()),
    )


def chosen(vectors: npt.NDArray[np.floating], weights: Floats, count: int) -> Chosen:
    """Choose prompts.

    Args:
        vectors: Unit vectors of the prompts, shape (n, d).
        weights: How much each tells, shape (n,); those with 0 are not chosen.
        count: How many; fewer where fewer tell anything. Of more than :data:`MOST_ROWS` that tell
            something, as many drawn at random stand for all.
    """
    useful = np.flatnonzero(weights > 0)
    if len(useful) > MOST_ROWS:
        drawn = np.random.default_rng(0).permutation(useful)
        useful = np.sort(drawn[: max(MOST_ROWS, count)])
    if not len(useful) or count < 1:
        return Chosen(np.empty(0, dtype=np.intp), np.empty(0), 0.0)
    own, told_by = vectors[useful].astype(np.float32), weights[useful]
    likeness = own @ own.T
    np.clip(likeness, 0.0, 1.0, out=likeness)
    order = facility_location(likeness, told_by, min(count, len(useful)))
    best = likeness[:, order]
    nearest = best.argmax(axis=1)
    shares = np.bincount(nearest, weights=told_by, minlength=len(order)) / told_by.sum()
    coverage = float(told_by @ best.max(axis=1) / told_by.sum())
    return Chosen(useful[order], shares, coverage)


def facility_location(likeness: npt.NDArray[np.floating], weights: Floats, count: int) -> Ints:
    """Return columns whose best likeness to every row, weighed and added up, is as large as greed makes it.

    Args:
        likeness: Of each row to each column, 0 or more, shape (n, n).
        weights: Of the rows, 0 or more, shape (n,).
        count: How many columns, n at most.
    """
    covered = np.zeros(len(likeness))
    bounds = [(-float(gain), column) for column, gain in enumerate(weights @ likeness)]
    heapq.heapify(bounds)
    order: list[int] = []
    while len(order) < count:
        _, column = heapq.heappop(bounds)
        gain = float(weights @ np.maximum(likeness[:, column] - covered, 0.0))
        if bounds and gain < -bounds[0][0]:
            heapq.heappush(bounds, (-gain, column))  # another may gain more: look again
            continue
        order.append(column)
        np.maximum(covered, likeness[:, column], out=covered)
    return np.array(order, dtype=np.intp)


def by_category(
    vectors: npt.NDArray[np.floating],
    weights: Floats,
    categories: Sequence[str | None],
    count: int,
) -> dict[str, Chosen]:
    """Choose prompts of each category; those without one are a category named with no letters.

    Args:
        vectors: Of all prompts, shape (n, d).
        weights: How much each tells, shape (n,).
        categories: Of the prompts.
        count: Of each category, at most.
    """
    names = np.array([name or "" for name in categories])
    found: dict[str, Chosen] = {}
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == name)
        part = chosen(vectors[rows], weights[rows], count)
        found[name] = part._replace(rows=rows[part.rows])
    return found
