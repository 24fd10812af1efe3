"""Training rows, checked: what is wrong with them is said with the row or the category named."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid
from router.embedding import FloatArray
from router.taxonomy import GENERAL

Ints = npt.NDArray[np.intp]
UNLABELLED = -1


def check_rows(
    texts: Sequence[str],
    vectors: FloatArray,
    labels: Sequence[str | None],
    categories: Sequence[str],
    *,
    may_be_empty: Collection[str] = (GENERAL,),
) -> Ints:
    """Check that a classifier can be learned from these rows.

    Args:
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        labels: A category's id, or ``None`` where there is no label.
        categories: The ids, in the order of the classifier's columns.
        may_be_empty: Categories that need no rows. Requests reach ``general`` through the gate.

    Returns:
        The labels as numbers of categories, -1 for none, shape (n,).

    Raises:
        DatasetInvalid: Naming the row or the category.
    """
    if not (len(texts) == len(labels) == len(vectors)):
        raise DatasetInvalid(
            f"{len(texts)} texts, {len(vectors)} vectors and {len(labels)} labels: not equally many"
        )
    if len(set(categories)) != len(categories):
        twice = next(each for each in categories if list(categories).count(each) > 1)
        raise DatasetInvalid(f"category {twice!r} is there twice")
    _check_texts(texts)
    _check_vectors(vectors)
    numbers = _numbers(labels, categories)
    counts = np.bincount(numbers[numbers >= 0], minlength=len(categories))
    for category, count in zip(categories, counts.tolist(), strict=True):
        if not count and category not in may_be_empty:
            raise DatasetInvalid(f"category {category!r} has no labelled prompt to learn from")
    if not counts.any():
        raise DatasetInvalid("no row has a label")
    return numbers


def _check_texts(texts: Sequence[str]) -> None:
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise DatasetInvalid(f"row {row}: the prompt is {kind}, not text; decode it first")


def _check_vectors(vectors: FloatArray) -> None:
    if vectors.ndim != 2:
        raise DatasetInvalid(f"vectors are {vectors.shape}, not one row a text")
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise DatasetInvalid(f"row {wrong[0]}: its vector holds a value that is no number")


def _numbers(labels: Sequence[str | None], categories: Sequence[str]) -> Ints:
    known = {category: number for number, category in enumerate(categories)}
    numbers = np.full(len(labels), UNLABELLED, dtype=np.intp)
    for row, label in enumerate(labels):
        if label is None:
            continue
        if label not in known:
            raise DatasetInvalid(f"row {row}: {label!r} is not one of the categories")
        numbers[row] = known[label]
    return numbers


def folds(labels: Ints, count: int, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield masks of the rows hidden together; each category is spread evenly over the folds.

    Args:
        labels: Numbers of categories, shape (n,); rows without a label are never hidden.
        count: Folds; no more than there are labelled rows.
        seed: Of the order within a category.
    """
    generator = np.random.default_rng(seed)
    place = np.full(len(labels), -1)
    shuffled = generator.permutation(np.flatnonzero(labels >= 0))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    count = min(count, len(by_label))
    place[by_label] = np.arange(len(by_label)) % max(count, 1)
    for fold in range(count if count > 1 else 0):
        yield place == fold
