"""Categories without a labelled prompt, started from what is said of them.

A classifier of the taxonomy's own words (:mod:`router.classifier`) reads the unlabelled prompts, and
of each such category those it is surest of become its first labelled prompts. Learned from these,
a router knows how people really ask; from the descriptions alone it knows how they are described.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from router.classifier import Settings, fit, training_rows
from router.embedding import Embedder, FloatArray
from router.taxonomy import GENERAL, Category, Taxonomy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_SHARE = 0.2
_FEWEST = 3
_SHOWN = 64
"""Labelled prompts of each other category that the classifier is shown beside its description."""


def first_prompts(
    texts: Sequence[str],
    vectors: FloatArray,
    labels: Ints,
    taxonomy: Taxonomy,
    embedder: Embedder,
    *,
    empty: Collection[int],
) -> Ints:
    """Give the surest unlabelled prompts to categories that have none.

    A category takes a fifth of what it would have if all prompts were spread evenly: those that
    are most like it, by the margin to the next.

    Args:
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        labels: Numbers of categories, -1 for none, shape (n,).
        taxonomy: What is said of the categories.
        embedder: The vectors' own.
        empty: Categories to be started.

    Returns:
        The labels with those of the first prompts, shape (n,).
    """
    found = labels.copy()
    asked = np.flatnonzero(labels < 0)
    named = [number for number, id_ in enumerate(taxonomy.ids) if id_ != GENERAL]
    if not len(asked) or not empty or len(named) < 2:
        return found
    shown = _with_prompts(taxonomy, texts, labels, named)
    settings = Settings()
    classifier = fit(training_rows(shown, embedder, settings), len(named), settings).classifier
    probabilities = np.array(
        [classifier(texts[row], vectors[row]).probabilities for row in asked.tolist()]
    )
    room = max(_FEWEST, int(_SHARE * len(texts) / len(named)))
    for number in empty:
        rows = _surest(probabilities, named.index(number), room)
        found[asked[rows]] = number
    return found


def _surest(probabilities: Floats, column: int, room: int) -> Ints:
    """Return the rows whose most probable category this is, those with the widest margin."""
    rows = np.flatnonzero(probabilities.argmax(axis=1) == column)
    ordered = np.sort(np.log(probabilities[rows] + 1e-12), axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    return rows[np.argsort(-margin, kind="stable")][:room]


def _with_prompts(
    taxonomy: Taxonomy, texts: Sequence[str], labels: Ints, named: Sequence[int]
) -> _Shown:
    """Return the named categories, with labelled prompts among their examples."""
    taken = {text for category in taxonomy.categories for text in category.examples}
    categories: list[Category] = []
    for number in named:
        category = taxonomy.categories[number]
        own = [texts[row] for row in np.flatnonzero(labels == number).tolist()]
        added = [text for text in dict.fromkeys(own) if text.strip() and text not in taken]
        taken.update(added[:_SHOWN])
        examples = (*category.examples, *added[:_SHOWN])
        categories.append(replace(category, examples=examples, parent=None))
    return _Shown(tuple(categories))


class _Shown(Taxonomy):
    """Categories without ``general``, which is not told apart by what is said of it."""

    def __post_init__(self) -> None:
        """Nothing is checked that was checked before."""
