"""What each candidate can be expected to achieve: measured where it was, a prior elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.mapping import Floats, Ints

MAX_MIXED = 16
"""Expected quality is averaged over at most this many categories, the most probable ones."""


class ScoreTable(Protocol):
    """Measured quality by category and expert."""

    @property
    def mean(self) -> Floats:
        """Shape (C, E), 0..1; categories in the taxonomy's order."""
        ...


class QualityModel(Protocol):
    """What a prompt's answers can be expected to be worth, learnt from scores."""

    @property
    def experts(self) -> Sequence[str]:
        """Ids of the experts it was learnt from, in the order of its columns."""
        ...

    @property
    def category_scores(self) -> ScoreTable:
        """The scores that its mappings were solved on."""
        ...

    def __call__(self, text: str, vector: FloatArray, probabilities: Floats) -> Floats:
        """Return the expected quality (0..1) of each expert on one prompt, shape (E,)."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """Which candidates a quality model knows.

    Args:
        columns: Their indices among the candidates.
        outputs: Their indices in the model's answer, in the same order.
        others: Indices of all other candidates.
    """

    columns: Ints
    outputs: Ints
    others: Ints


def known_to(model: QualityModel | None, ids: Sequence[str]) -> Known | None:
    """Match candidates with a model's experts; ``None`` where it knows none of them."""
    if model is None:
        return None
    outputs = {expert: index for index, expert in enumerate(model.experts)}
    matched = [(column, outputs[id_]) for column, id_ in enumerate(ids) if id_ in outputs]
    if not matched:
        return None
    columns, found = np.array(matched, dtype=np.intp).T
    return Known(columns, found, np.setdiff1d(np.arange(len(ids), dtype=np.intp), columns))


def placed_scores(prior: Floats, model: QualityModel, known: Known) -> Floats:
    """Put measured scores in place of the prior, and the rest of the prior on their scale.

    The prior of the candidates that were not measured goes through the straight line that fits
    measured scores to their prior best. Its slope is kept within 0 and 1: that a prior turned out
    wrong is no reason to turn it round, or to be surer of it.

    Args:
        prior: Shape (C, E).
        model: Holds the measured scores.
        known: Which candidates it knows.
    """
    measured = np.asarray(model.category_scores.mean, dtype=np.float64)[:, known.outputs]
    before = prior[:, known.columns]
    spread = before - before.mean()
    variance = float((spread * spread).sum())
    slope = float((spread * (measured - measured.mean())).sum()) / variance if variance else 1.0
    line = measured.mean() + min(max(slope, 0.0), 1.0) * (prior - before.mean())
    placed: Floats = np.clip(line, 0.0, 1.0)
    placed[:, known.columns] = measured
    return placed


def planned_scores(placed: Floats, planned: Floats, known: Known) -> Floats:
    """Return the scores that mappings are solved on: planned where they were learnt.

    Candidates that were not measured are taken down as far as the others are on average, so that
    caution does not speak for those of whom nothing is known.

    Args:
        placed: From :func:`placed_scores`, shape (C, E).
        planned: Of the experts that were measured, in the order of their columns.
        known: Which candidates were.
    """
    scores: Floats = placed.copy()
    own = planned[:, known.outputs]
    scores[:, known.others] -= (placed[:, known.columns] - own).mean()
    scores[:, known.columns] = own
    return scores


def mixed(probabilities: Floats, scores: Floats) -> Floats:
    """Average scores over the likely categories: sum of p(c) s(c, e), shape (E,).

    Args:
        probabilities: Shape (C,).
        scores: Shape (C, E).
    """
    if len(probabilities) <= MAX_MIXED:
        return probabilities @ scores
    likely: npt.NDArray[np.intp] = probabilities.argpartition(-MAX_MIXED)[-MAX_MIXED:]
    weights = probabilities[likely]
    quality: Floats = (weights / weights.sum()) @ scores.take(likely, axis=0)
    return quality


def predicted(quality: Floats, known: Known, prediction: Floats) -> Floats:
    """Put a model's prediction for one prompt in place of its category's average.

    Where the prompt is harder than its category, it is so for those the model does not know too:
    they move with the average of the known.

    Args:
        quality: By category, shape (E,); is written to.
        known: Which candidates the model knows.
        prediction: The model's, for its own experts.
    """
    told = prediction[known.outputs]
    if len(known.others):
        quality += told.mean() - quality[known.columns].mean()
        np.clip(quality, 0.0, 1.0, out=quality)
    quality[known.columns] = told
    return quality
