"""How much to believe each prediction, from what it said of rows that were left out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_PRIOR_ROWS = 30.0
"""Of doubt: with so many rows, half of what the blend would be is believed."""


def contrasts(residuals: Floats, most: int) -> Floats:
    """Return orthonormal directions to predict scores in, shape (E, R).

    The first is the mean of all experts: how hard a prompt is, the easiest thing to predict and
    without a say in who should answer it. The others are the principal components of what is left:
    the differences that a choice is made by, each of which is to be regularised by itself.

    Args:
        residuals: Shape (n, E), NaN where not measured.
        most: R is at most this.
    """
    experts = residuals.shape[1]
    known = ~np.isnan(residuals)
    mean = np.full((experts, 1), experts**-0.5)
    centred = _centred(np.where(known, residuals, 0.0), known)
    centred -= (centred @ mean) @ mean.T  # missing scores leave a little of it
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    # The last direction, without variance, is that of the mean.
    found: Floats = np.linalg.qr(np.hstack([mean, directions[:, : experts - 1]]))[0]
    return found[:, :most]


def blend_weights(deviations: Floats, predictions: Sequence[Floats]) -> tuple[float, ...]:
    """Stack predictions of the scores (Breiman, "Stacked regressions", 1996).

    Least squares with weights of at least 0, drawn to those that trust the first prediction alone:
    by so many rows' worth of doubt. Differences between experts count, which choices are made by,
    and not what makes a prompt hard for all; with one expert there is only that.

    Args:
        deviations: Score less the expert's mean, shape (n, E), NaN where not measured.
        predictions: Of them, for rows left out, each of shape (n, E).
    """
    known = ~np.isnan(deviations)
    target = _centred(np.where(known, deviations, 0.0), known)
    said = [_centred(np.where(known, each, 0.0), known) for each in predictions]
    gram = np.array([[float((one * two).sum()) for two in said] for one in said])
    product = np.array([float((one * target).sum()) for one in said])
    doubt = np.diag(gram) * (_PRIOR_ROWS / max(len(deviations), 1)) + 1e-9
    first = np.eye(len(said))[0]
    return _least_squares(gram + np.diag(doubt), product + doubt * first)


def _least_squares(gram: Floats, product: Floats) -> tuple[float, ...]:
    """Minimise ``w' gram w - 2 w' product`` over weights of at least 0, by trying all supports."""
    count = len(product)
    best, least = np.zeros(count), 0.0
    for size in range(1, count + 1):
        for support in combinations(range(count), size):
            found = np.zeros(count)
            chosen = list(support)
            found[chosen] = np.linalg.solve(gram[np.ix_(chosen, chosen)], product[chosen])
            loss = float(found @ gram @ found - 2.0 * found @ product)
            if found.min() >= 0.0 and loss < least:
                best, least = found, loss
    return tuple(best.tolist())


def _centred(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Take each row's mean over the experts measured from it."""
    if values.shape[1] == 1:
        return values
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    found: Floats = np.where(known, values - values.sum(axis=1, keepdims=True) / counts, 0.0)
    return found
