"""What the words themselves say: log-odds of words and pairs of words over the categories.

Static vectors blur rare words, above all those a tokenizer cuts into pieces (names of drugs,
tools, treaties), and know nothing of order ("who hosted", "write a"). A naive Bayes count keeps
what the examples say of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]

_WORD = re.compile(r"[^\W\d_]{2,}")
_STEM_CHARACTERS = 7
_MAX_CHARACTERS = 8000
_ADDED = 0.1
_PRIOR_TEXTS = 20.0


def words_of(text: str) -> set[str]:
    """Return the distinct words of a text as stems, and its pairs of neighbouring words."""
    stems = [_stem(word) for word in _WORD.findall(text[:_MAX_CHARACTERS].lower())]
    return {*stems, *map(" ".join, pairwise(stems))}


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """Take a plural's ending off and keep seven letters: rough, and the same for all texts."""
    if len(word) > 4 and word[-1] == "s":
        if word.endswith("ies"):
            word = word[:-3] + "y"
        elif word.endswith(("ses", "xes", "zes", "hes")):
            word = word[:-2]
        elif word[-2] != "s":
            word = word[:-1]
    return word[:_STEM_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Log-odds of words.

    Args:
        index: Word -> row.
        log_odds: Centred over the categories, shape (V, C).
    """

    index: dict[str, int]
    log_odds: FloatArray

    def __call__(self, text: str) -> FloatArray:
        """Return the evidence of a text's known words, shape (C,); zeros where there are none.

        The sum is divided by the square root of their number: words of one text are not
        independent, and the longer it is, the less each of them adds.
        """
        rows = [row for row in map(self.index.get, words_of(text)) if row is not None]
        if not rows:
            return np.zeros(self.log_odds.shape[1], dtype=np.float32)
        total = np.add.reduce(self.log_odds[rows], axis=0)
        return np.asarray(total / np.float32(len(rows) ** 0.5), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Which word stands in which text: parallel arrays, one entry a distinct word of a text."""

    index: dict[str, int]
    texts: Ints
    words: Ints
    count: int
    """Number of texts."""


def occurrences(texts: Sequence[str]) -> Occurrences:
    """Find the words of the training texts, once for all folds."""
    index: dict[str, int] = {}
    where: list[int] = []
    which: list[int] = []
    for number, text in enumerate(texts):
        for word in sorted(words_of(text)):
            where.append(number)
            which.append(index.setdefault(word, len(index)))
    return Occurrences(
        index, np.array(where, dtype=np.intp), np.array(which, dtype=np.intp), len(texts)
    )


def fit_lexicon(
    found: Occurrences, labels: Ints, categories: int, shown: npt.NDArray[np.bool_] | None = None
) -> Lexicon:
    """Count in how many texts of each category a word stands.

    With n texts of a category, m on average, k of them with the word::

        odds = (k + 0.1 (n + 20) / (m + 20)) / (n + 20)

    so that a word never seen says nothing, and little text claims little.

    Args:
        found: The words of all texts.
        labels: The texts' categories, shape (n,).
        categories: Their number.
        shown: Which texts to learn from, shape (n,); by default all.
    """
    shown = np.ones(found.count, dtype=bool) if shown is None else shown
    kept = shown[found.texts]
    counts = np.zeros((len(found.index), categories))
    np.add.at(counts, (found.words[kept], labels[found.texts[kept]]), 1.0)
    totals = np.bincount(labels[shown], minlength=categories) + _PRIOR_TEXTS
    logs = np.log(counts / totals + _ADDED / totals.mean())
    return Lexicon(found.index, (logs - logs.mean(axis=1, keepdims=True)).astype(np.float32))


def evidence_matrix(lexicon: Lexicon, found: Occurrences) -> FloatArray:
    """Return the evidence for every training text, shape (n, C)."""
    sums = np.zeros((found.count, lexicon.log_odds.shape[1]), dtype=np.float32)
    np.add.at(sums, found.texts, lexicon.log_odds[found.words])
    lengths = np.maximum(np.bincount(found.texts, minlength=found.count), 1)
    return np.asarray(sums / np.sqrt(lengths)[:, None], dtype=np.float32)
