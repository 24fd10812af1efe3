"""From a small labelled seed to a training set, grown unless that harms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.learned.fitting import LearnedSettings, fit_classifier
from router.learned.growth import Growth, GrowthSettings, Opinion, grow
from router.learned.rows import Ints, check_rows, folds

Mask = npt.NDArray[np.bool_]
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Seeded:
    """A training set grown from a seed, or the seed as it was.

    Args:
        labels: A category's id or ``None`` for each row, as ``fit_classifier`` takes them.
        trusted: Which rows a person had labelled; for ``fit_classifier`` as well.
        added: How many prompts joined; 0 where growing did harm.
        plain: Accuracy on held-out labelled rows of what the others teach.
        grown: The same after growing from these others.
    """

    labels: tuple[str | None, ...]
    trusted: tuple[bool, ...]
    added: int
    plain: float
    grown: float


def grow_from_seed(
    texts: Sequence[str],
    vectors: FloatArray,
    labels: Sequence[str | None],
    categories: Sequence[str],
    *,
    seed: int = 0,
    settings: LearnedSettings | None = None,
    growth: GrowthSettings | None = None,
) -> Seeded:
    """Let unlabelled prompts join, unless a hold-out says that it harms.

    A third of the labelled rows is held out, never grows, and is classified twice: by what the
    rest teaches, and by what the rest teaches after growing. Where growing makes more mistakes than
    it mends, by more than chance (one standard deviation), the seed stays as it was. The second
    opinion is the classifier's itself: it reads words, where neighbours are found by meaning alone.

    Args:
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        labels: A category's id, or ``None``.
        categories: The ids.
        seed: Of the hold-out and of the classifiers.
        settings: How the classifiers are learned.
        growth: When a prompt joins.

    Raises:
        DatasetInvalid: Naming the row or the category.
    """
    numbers = check_rows(texts, vectors, labels, categories, may_be_empty=categories)
    quick = replace(settings or LearnedSettings(), folds=0)
    trainer = _Trainer(texts, vectors, categories, quick, seed)
    trusted = tuple((numbers >= 0).tolist())
    held_out = next(folds(numbers, _PARTS, seed), None)
    unlabelled = bool((numbers < 0).any())
    if held_out is None or not unlabelled or not (numbers[~held_out] >= 0).any():
        return Seeded(tuple(labels), trusted, 0, float("nan"), float("nan"))
    shown = np.where(held_out, -1, numbers)
    trial = trainer.grow(shown, held_out, growth)
    before = trainer.right(shown, numbers, held_out)
    after = trainer.right(trial.labels, numbers, held_out)
    plain, grown = float(before.mean()), float(after.mean())
    lost, won = int((before & ~after).sum()), int((after & ~before).sum())
    if lost - won > math.sqrt(lost + won):
        return Seeded(tuple(labels), trusted, 0, plain, grown)
    final = trainer.grow(numbers, None, growth)
    names = tuple(categories[label] if label >= 0 else None for label in final.labels.tolist())
    return Seeded(names, trusted, int(final.added.sum()), plain, grown)


@dataclass(frozen=True, slots=True)
class _Trainer:
    texts: Sequence[str]
    vectors: FloatArray
    categories: Sequence[str]
    settings: LearnedSettings
    seed: int

    def predict(self, labels: Ints, rows: Ints) -> Ints:
        """Learn from the labels, and return the categories of some rows."""
        shown = np.flatnonzero(labels >= 0)
        fitted = fit_classifier(
            [self.texts[row] for row in shown.tolist()],
            self.vectors[shown],
            [self.categories[label] for label in labels[shown].tolist()],
            self.categories,
            seed=self.seed,
            settings=self.settings,
            may_be_empty=self.categories,
        )
        evidence = fitted.classifier.many(
            [self.texts[row] for row in rows.tolist()], self.vectors[rows]
        )
        return np.asarray(evidence.probabilities.argmax(axis=1), dtype=np.intp)

    def grow(self, labels: Ints, held_out: Mask | None, settings: GrowthSettings | None) -> Growth:
        opinion: Opinion = self.predict
        return grow(
            self.vectors, labels, held_out=held_out, second_opinion=opinion, settings=settings
        )

    def right(self, labels: Ints, truth: Ints, held_out: Mask) -> Mask:
        """Learn from the labels, and tell which held-out rows are classified rightly."""
        rows = np.flatnonzero(held_out)
        return np.asarray(self.predict(labels, rows) == truth[rows], dtype=np.bool_)
