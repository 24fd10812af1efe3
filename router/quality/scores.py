"""Category by expert: mean scores with standard errors, shrunk by how little is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid

Floats = npt.NDArray[np.float64]

_UNKNOWN_MEAN = 0.5
_PRIOR_ROWS = 1.0
"""Of the largest possible variance, so that equal scores do not look certain."""
_LARGEST_VARIANCE = 0.25


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """How good each expert is in each category. Arrays of shape (C, E), all finite.

    Args:
        mean: Expected score, 0..1, shrunk to the expert's overall mean.
        se: Its standard error; wide where nothing was measured.
        n: Number of scores behind it, in fractions where labels were soft.
    """

    mean: Floats
    se: Floats
    n: Floats

    def cautious(self, aversion: float) -> Floats:
        """Return ``mean - aversion * se``: what to plan with when a surprise would be dear."""
        planned: Floats = self.mean - aversion * self.se
        return planned

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name."""
        return {"mean": self.mean, "se": self.se, "n": self.n}

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> ScoreTable:
        """Return the table of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together.
        """
        parts = [np.asarray(arrays[name], dtype=np.float64) for name in ("mean", "se", "n")]
        if parts[0].ndim != 2 or len({part.shape for part in parts}) != 1:
            raise ValueError("the scores' mean, se and n are not of one shape (C, E)")
        return cls(*parts)


def check_scores(scores: Floats, rows: int) -> None:
    """Check a matrix of scores.

    Raises:
        DatasetInvalid: If its shape is not (rows, E), E at least 1, or a score outside 0..1.
    """
    if scores.ndim != 2 or len(scores) != rows or not scores.shape[1]:
        raise DatasetInvalid(f"scores are {scores.shape}, not ({rows}, experts)")
    wrong = np.argwhere(~np.isnan(scores) & ~((scores >= 0.0) & (scores <= 1.0)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise DatasetInvalid(
            f"row {row}, expert {column}: the score {scores[row, column]} is outside 0..1"
        )


def fit_scores(scores: Floats, memberships: Floats) -> ScoreTable:
    """Average the scores by category and shrink them, by empirical Bayes.

    For each expert the categories' true means are taken as drawn around its overall mean with a
    variance that is estimated by moments (DerSimonian and Laird, "Meta-analysis in clinical
    trials", 1986). A category of many rows keeps its own mean; one of few comes near to the
    overall mean; one of none has it, with the standard error that this implies.

    Args:
        scores: 0..1, NaN where not measured, shape (n, E).
        memberships: To which category a row belongs, shape (n, C): one 1 in a row, or
            probabilities where there is no label.

    Raises:
        DatasetInvalid: If a score is outside 0..1, or the shapes do not fit.
    """
    check_scores(scores, len(memberships))
    known = (~np.isnan(scores)).astype(np.float64)
    filled = np.nan_to_num(scores)
    counts = memberships.T @ known
    raw = (memberships.T @ filled) / np.maximum(counts, 1e-12)
    total = known.sum(axis=0)
    overall = expert_means(scores)
    within = _within(filled, known, memberships, raw)
    # Soft labels spread a row over categories: it counts by the square of its shares.
    effective = counts**2 / np.maximum((memberships**2).T @ known, 1e-12)
    sampling = within / np.maximum(effective, 1e-12)
    between = _between(raw, counts, sampling, overall, within)
    keep = np.where(counts > 1e-9, between / (between + sampling + 1e-15), 0.0)
    mean = np.clip(keep * raw + (1.0 - keep) * overall, 0.0, 1.0)
    variance = keep * sampling + (1.0 - keep) ** 2 * within / np.maximum(total, 1.0)
    variance = np.where(counts > 1e-9, variance, between + within / np.maximum(total, 1.0))
    return ScoreTable(mean, np.sqrt(variance), counts)


def expert_means(scores: Floats) -> Floats:
    """Return each expert's mean score, one half where it has none, shape (E,)."""
    total = (~np.isnan(scores)).sum(axis=0)
    sums = np.nansum(scores, axis=0)
    found: Floats = np.where(total > 0, sums / np.maximum(total, 1), _UNKNOWN_MEAN)
    return found


def left_out(
    table: ScoreTable, scores: Floats, memberships: Floats, probabilities: Floats
) -> Floats:
    """Return what the table would say of each row without that row's own scores, shape (n, E).

    Args:
        table: Fitted on the same scores and memberships.
        scores: Shape (n, E), NaN where not measured.
        memberships: As for :func:`fit_scores`.
        probabilities: What is known of the row's category when its scores are not, shape (n, C).
    """
    said = probabilities @ table.mean
    own = probabilities * memberships
    # A category's mean moves by (score - mean) / (n - 1) when one of its n rows is taken out; the
    # shrunk mean stands for both means here, and moves by less where it is shrunk.
    share = own @ (1.0 / np.maximum(table.n - 1.0, 1.0))
    found: Floats = said - share * (np.where(np.isnan(scores), said, scores) - said)
    return np.clip(found, 0.0, 1.0)


def _within(filled: Floats, known: Floats, memberships: Floats, raw: Floats) -> Floats:
    """Return each expert's variance within categories, pooled over them, shape (E,)."""
    squares = (known * filled**2).sum(axis=0) - ((memberships.T @ known) * raw**2).sum(axis=0)
    freedom = np.maximum(known.sum(axis=0) - (memberships.T @ known > 1e-9).sum(axis=0), 0.0)
    pooled: Floats = (np.maximum(squares, 0.0) + _PRIOR_ROWS * _LARGEST_VARIANCE) / (
        freedom + _PRIOR_ROWS
    )
    return np.minimum(pooled, _LARGEST_VARIANCE)


def _between(
    raw: Floats, counts: Floats, sampling: Floats, overall: Floats, within: Floats
) -> Floats:
    """Return each expert's variance between categories, shape (E,), by moments."""
    filled = counts > 1e-9
    weights = np.where(filled, 1.0 / np.maximum(sampling, 1e-12), 0.0)
    total = weights.sum(axis=0)
    spread = (weights * (raw - overall) ** 2).sum(axis=0)
    freedom = np.maximum(filled.sum(axis=0) - 1.0, 0.0)
    scale = total - (weights**2).sum(axis=0) / np.maximum(total, 1e-12)
    found = np.where(scale > 1e-9, (spread - freedom) / np.maximum(scale, 1e-9), 0.0)
    # Nothing to estimate it from: categories may differ about as much as a tenth of the noise.
    found = np.where(freedom > 0, np.maximum(found, 0.0), within / 10.0)
    return np.maximum(found, 1e-6)
