"""What mappings from categories to experts are planned on: scores with caution, ties settled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from router.quality.comparison import compare
from router.quality.scores import Floats, ScoreTable, expert_means

Ints = npt.NDArray[np.intp]

AVERSION = 1.0
"""Standard errors taken off a score."""
LEVEL = 1.0
"""Of the test that a specialist must pass; 1 asks only that it did better on the same prompts.

On MMLU-Pro (13 experts, 14 categories, five-fold, n = 6,261) asking for more cost quality: at 0.05
one point with 1,000 training prompts (-.0129, 95 % interval -.0185 to -.0074), .8 with 5,008. Of
experts that tie on a hundred prompts the one that did better is still the better bet."""
_AHEAD = 1e-6
"""By which the general expert leads those that tie with it."""


def general_expert(scores: Floats) -> int:
    """Return the expert that answers where nothing speaks for another: the best on average.

    Args:
        scores: Shape (n, E), NaN where not measured.
    """
    measured = (~np.isnan(scores)).sum(axis=0)
    spread = 0.5 / np.sqrt(np.maximum(measured, 1))
    return int((expert_means(scores) - AVERSION * spread).argmax())


def planned(
    table: ScoreTable,
    scores: Floats,
    labels: Ints,
    *,
    aversion: float = AVERSION,
    level: float = LEVEL,
) -> Floats:
    """Return the scores to solve mappings on, shape (C, E).

    Scores less ``aversion`` standard errors, and no expert counts as better than the general one
    in a category unless it did better on the same prompts, by a paired test at ``level``: specialists
    displace the general expert only with evidence ("Limited Impact of Medical Adaptation of Large
    Language and Vision-Language Models", 2024). One that does not pass comes a hair behind the
    general expert, so that a budget or a price still prefers the cheaper of the two.

    Args:
        table: Fitted on these scores.
        scores: Of each expert on each prompt, shape (n, E), NaN where not measured.
        labels: Numbers of the prompts' categories, -1 for none, shape (n,).
        aversion: See above.
        level: Two-sided, for each challenger.
    """
    general = general_expert(scores)
    found = table.cautious(aversion)
    for category, row in enumerate(found):
        against = compare(scores[labels == category], general)
        proven = (against.p_value <= level) & (against.difference > 0)
        limit = row[general]
        row[~proven] = np.minimum(row[~proven], limit - _AHEAD)
        row[general] = limit
    return found


def mapping_of(chosen: Ints, experts: Any, categories: Any) -> dict[str, str]:
    """Return category id -> expert id of the numbers chosen for each category, shape (C,)."""
    return {c: str(experts[e]) for c, e in zip(categories, chosen.tolist(), strict=True)}
