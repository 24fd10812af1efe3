"""Whether a specialist may displace the general expert: only where a tie is excluded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid
from router.quality.scores import check_scores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

FEWEST_ROWS = 5
"""Prompts that both must have answered; of fewer the test says nothing."""


class Comparison(NamedTuple):
    """One expert against all, on the same prompts. Arrays of shape (E,)."""

    difference: Floats
    """Mean of the expert's score less the other's; 0 without common prompts."""
    p_value: Floats
    """Two-sided; 1 where too few prompts are common."""
    n: Ints
    """Common prompts."""


def compare(scores: Floats, other: int) -> Comparison:
    """Compare every expert with one of them by the paired t-test (Student, 1908).

    The variance of the differences is not taken to be smaller than if one more prompt had gone
    the other way by a whole point, so that a few equal differences do not look certain.

    Args:
        scores: Shape (n, E), NaN where not measured.
        other: The column compared with.
    """
    from scipy.stats import t

    differences = scores - scores[:, [other]]
    known = ~np.isnan(differences)
    n = known.sum(axis=0)
    filled = np.where(known, differences, 0.0)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    squares = (np.where(known, differences - mean, 0.0) ** 2).sum(axis=0)
    variance = (squares + 1.0) / np.maximum(n, 1)
    statistic = np.abs(mean) / np.sqrt(variance / np.maximum(n, 1))
    p_value = np.where(n >= FEWEST_ROWS, 2.0 * t.sf(statistic, np.maximum(n - 1, 1)), 1.0)
    p_value[other] = 1.0
    return Comparison(mean, p_value, n.astype(np.intp))


def specialists(
    scores: Floats,
    labels: Ints,
    categories: int,
    general: int,
    costs: Floats,
    *,
    level: float = 0.05,
) -> Ints:
    """Return the expert each category should have, shape (C,).

    The general expert, unless others are better beyond a tie ("Limited Impact of Medical
    Adaptation of Large Language and Vision-Language Models", 2024: most specialists are not). Then
    the best of these, or the cheapest among those of them that tie with the best.

    Args:
        scores: Shape (n, E), NaN where not measured.
        labels: Number of each row's category, -1 for none, shape (n,).
        categories: C.
        general: The general expert's column.
        costs: Of each expert, in any unit, shape (E,).
        level: Chance of displacing an equal, over all challengers of a category together
            (Bonferroni).

    Raises:
        DatasetInvalid: If a score is outside 0..1, or the shapes do not fit.
    """
    check_scores(scores, len(labels))
    experts = scores.shape[1]
    if not 0 <= general < experts or costs.shape != (experts,):
        raise DatasetInvalid(f"expert {general} with costs {costs.shape} of {experts} experts")
    each = level / max(experts - 1, 1)
    chosen = np.full(categories, general, dtype=np.intp)
    for category in range(categories):
        own = scores[labels == category]
        against = compare(own, general)
        better = np.flatnonzero((against.p_value < each) & (against.difference > 0))
        if len(better):
            best = int(better[np.argmax(against.difference[better])])
            ties = better[compare(own, best).p_value[better] >= level]
            chosen[category] = ties[np.argmin(costs[ties])]
    return chosen
