"""One more category, learned from a few examples, without touching the rest.

The classifier's other columns stay as they are. The new one is learned under the same rule as they
were (its own prompts score higher in it than in any other category, all others lower; a margin of
one), against prompts stored for the purpose; and then it is lowered as far as it takes for every
stored prompt to keep its category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid
from router.embedding import FloatArray
from router.features import BUCKETS, find
from router.learned.classifier import LearnedClassifier, compact
from router.learned.clusters import spherical_kmeans

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_PENALTY = 0.02
_MARGIN = 1.0
_ROUNDS = 200
_ROOM = 1e-3  # between the new column's score and the one it must not reach
_PROTOTYPES = 4


@dataclass(frozen=True, slots=True)
class Addition:
    """A classifier with one more category, the last.

    Args:
        classifier: The new one.
        recognised: Which of the examples it puts into the new category, shape (k,).
        overlaps: For each example that it does not, the category that keeps it.
    """

    classifier: LearnedClassifier
    recognised: npt.NDArray[np.bool_]
    overlaps: dict[int, int]


class Prompts(NamedTuple):
    """Texts with the embedder's vectors of them, shape (n, d)."""

    texts: Sequence[str]
    vectors: FloatArray


def add_category(
    classifier: LearnedClassifier, examples: Prompts, stored: Prompts, *, seed: int = 0
) -> Addition:
    """Add a category from a few examples.

    Args:
        classifier: What there is; it is not changed.
        examples: Prompts of the new category.
        stored: Prompts of the others, which must keep their category (:func:`regression_set`).
        seed: Of the prototypes.

    Raises:
        DatasetInvalid: Without an example, or where an example is one of the stored prompts.
    """
    _check(examples, stored)
    old_own, own = _scores(classifier, examples), _rows(classifier, examples)
    old_stored, others = _scores(classifier, stored), _rows(classifier, stored)
    column = _fit_column(own, others, old_own.max(axis=1), old_stored.max(axis=1, initial=-np.inf))
    grown = _with_column(classifier, column.astype(np.float16).astype(np.float32))
    reached = _scores(grown, stored)[:, -1] - old_stored.max(axis=1, initial=-np.inf)
    excess = float(reached.max(initial=-1.0)) + _ROOM
    if excess > 0:
        lowered = np.nextafter(np.float16(grown.intercept[-1] - excess), np.float16(-np.inf))
        grown = replace(grown, intercept=np.append(grown.intercept[:-1], np.float32(lowered)))
    centres = spherical_kmeans(classifier.space(examples.vectors), _PROTOTYPES, seed)
    rounded = centres.astype(np.float16).astype(np.float32)
    grown = replace(grown, prototypes=np.vstack([classifier.prototypes, rounded]))
    top = _scores(grown, examples).argmax(axis=1)
    new = len(grown.intercept) - 1
    overlaps = {row: label for row, label in enumerate(top.tolist()) if label != new}
    return Addition(grown, top == new, overlaps)


def regression_set(probabilities: Floats, labels: Ints, each: int = 20) -> Ints:
    """Choose the prompts to store: of each category those hardest to tell, and some at random.

    Args:
        probabilities: Of the classifier itself, shape (n, C).
        labels: Numbers of categories, -1 for none, shape (n,).
        each: At most so many a category.

    Returns:
        Numbers of rows, rising.
    """
    top = probabilities.argmax(axis=1)
    ordered = np.sort(probabilities, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if ordered.shape[1] > 1 else 0.0)
    chosen: list[int] = []
    for label in np.unique(labels[labels >= 0]).tolist():
        rows = np.flatnonzero((labels == label) & (top == label))
        hardest = rows[np.argsort(margin[rows], kind="stable")]
        half = hardest[: (each + 1) // 2]
        rest = hardest[len(half) :]
        spread = rest[np.linspace(0, len(rest) - 1, min(each // 2, len(rest))).astype(int)]
        chosen += [*half.tolist(), *spread.tolist()]
    return np.array(sorted(set(chosen)), dtype=np.intp)


def _check(examples: Prompts, stored: Prompts) -> None:
    if not len(examples.texts):
        raise DatasetInvalid("the new category has no example")
    known = set(stored.texts)
    for row, text in enumerate(examples.texts):
        if text in known:
            raise DatasetInvalid(
                f"example {row} of the new category belongs to another one already"
            )


def _scores(classifier: LearnedClassifier, prompts: Prompts) -> FloatArray:
    pairs = zip(prompts.texts, prompts.vectors, strict=True)
    rows = [classifier.scores(text, vector)[0] for text, vector in pairs]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(classifier.intercept))


def _rows(classifier: LearnedClassifier, prompts: Prompts) -> csr_matrix:
    """Return the design: hashed features, embedding and a one, shape (n, BUCKETS + a + 1)."""
    from scipy.sparse import csr_matrix, hstack

    lexical = classifier.weighting.matrix([find(text) for text in prompts.texts])
    dense = np.atleast_2d(classifier.space(prompts.vectors))
    ones = np.ones((len(prompts.texts), 1), dtype=np.float32)
    return hstack([lexical, csr_matrix(dense), csr_matrix(ones)]).tocsr()


def _fit_column(
    own: csr_matrix, others: csr_matrix, own_best: FloatArray, others_best: FloatArray
) -> Floats:
    """Minimise the squared hinge of both kinds of row; each kind weighs the same in all."""
    from scipy.optimize import minimize
    from scipy.sparse import vstack

    everything = vstack([own, others]).tocsr()
    used = np.unique(everything.indices)
    rows = everything[:, used]
    back = rows.T.tocsr()
    sign = np.repeat([1.0, -1.0], [own.shape[0], others.shape[0]])
    target = np.concatenate([own_best + _MARGIN, others_best - _MARGIN]).astype(np.float64)
    counts = np.where(sign > 0, own.shape[0], others.shape[0])
    weight = 1.0 / np.maximum(counts, 1)

    def loss(column: Floats) -> tuple[float, Floats]:
        lack = np.maximum(sign * (target - rows @ column), 0.0)
        value = 0.5 * float(weight @ lack**2) + 0.5 * _PENALTY * float(column @ column)
        return value, -(back @ (weight * sign * lack)) + _PENALTY * column

    options = {"maxiter": _ROUNDS}
    result = minimize(loss, np.zeros(len(used)), jac=True, method="L-BFGS-B", options=options)
    column = np.zeros(everything.shape[1])
    column[used] = result.x
    return column


def _with_column(classifier: LearnedClassifier, column: FloatArray) -> LearnedClassifier:
    """Append the column."""
    lexical = np.hstack([classifier.lexical[classifier.places], column[:BUCKETS, None]])
    places, lexical = compact(lexical)
    return replace(
        classifier,
        places=places,
        lexical=lexical,
        dense=np.hstack([classifier.dense, column[BUCKETS:-1, None]]),
        intercept=np.append(classifier.intercept, column[-1]),
    )
