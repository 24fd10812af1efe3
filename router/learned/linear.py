"""The linear part: one column of weights a category, learned together."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from router.features import BUCKETS

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]
Ints = npt.NDArray[np.intp]

_ABSENT = -4.0  # below any score: a category without rows cannot be the most probable one
_ROUNDS = 300
_TOLERANCE = 0.1


class Columns(NamedTuple):
    """Weights of a linear classifier."""

    lexical: FloatArray
    """(BUCKETS, C)."""
    dense: FloatArray
    """(a, C)."""
    intercept: FloatArray
    """(C,)."""

    def scores(self, lexical: csr_matrix, dense: FloatArray) -> FloatArray:
        """Return the scores of rows, shape (n, C)."""
        return np.asarray(lexical @ self.lexical + dense @ self.dense + self.intercept, np.float32)


def fit_columns(
    lexical: csr_matrix,
    dense: FloatArray,
    labels: Ints,
    categories: int,
    *,
    dense_weight: float,
    cost: float,
    seed: int,
) -> Columns:
    """Learn a multi-class support vector machine (Crammer and Singer, JMLR 2001).

    Against one machine a category it is faster, and its best score tells strangers better, as all
    categories are learned together: a score is high only where it beats all others.

    Args:
        lexical: Values of hashed features, shape (n, BUCKETS).
        dense: Shape (n, a).
        labels: Numbers of categories, shape (n,), all labelled.
        categories: Their number, C; those without rows score below all others.
        dense_weight: Scales the vectors, so that they have more or less of a say.
        cost: Of a margin that is not kept.
        seed: Of the order in which rows are visited.
    """
    found = np.unique(labels)
    weights = np.zeros((BUCKETS + dense.shape[1] + 1, categories), dtype=np.float32)
    weights[-1] = _ABSENT
    if len(found) == 1:
        weights[-1, found] = 1.0
    else:
        weights[:, found] = _crammer_singer(lexical, dense * dense_weight, labels, cost, seed)
        weights[BUCKETS:-1] *= dense_weight
    # As stored, so that a classifier decides the same before and after.
    weights = weights.astype(np.float16).astype(np.float32)
    return Columns(weights[:BUCKETS], weights[BUCKETS:-1], weights[-1])


def _crammer_singer(
    lexical: csr_matrix, dense: FloatArray, labels: Ints, cost: float, seed: int
) -> npt.NDArray[np.float64]:
    """Return weights and, in the last row, intercepts; one column a label found."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    rows = hstack([lexical, csr_matrix(dense)]).tocsr()
    machine = LinearSVC(
        C=cost,
        tol=_TOLERANCE,
        multi_class="crammer_singer",
        max_iter=_ROUNDS,
        random_state=seed,
    )
    with warnings.catch_warnings():  # the last round will do
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(rows, labels)
    weights = np.vstack([machine.coef_.T, machine.intercept_])
    if weights.shape[1] == 1:  # of two, only the difference is given
        weights = np.hstack([-weights / 2, weights / 2])
    return np.asarray(weights, dtype=np.float64)
