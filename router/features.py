"""Hashed lexical features beside the embedding: words, pairs of them, characters within words.

A vector of meanings blurs exactly what tells close categories apart ("freeze my card", "is my card
frozen"), and rare words. These features keep the spelling. They are hashed (Weinberger et al.,
"Feature Hashing for Large Scale Multitask Learning", 2009), so there is no vocabulary to store, and
a fixed hash (CRC-32) makes them the same in every process and on every machine.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

WORD_BUCKETS = 1 << 14
GRAM_BUCKETS = 1 << 15
BUCKETS = WORD_BUCKETS + GRAM_BUCKETS
"""Number of features."""
SHORTEST, LONGEST = 2, 5
"""Characters in a run; a word's edges count as one each."""
MAX_CHARACTERS = 8000
MAX_WORDS = 1000
_CACHED_WORDS = 1 << 15
_WORD = re.compile(r"\w{1,24}|[^\w\s]")  # long runs are cut: writing without spaces, encoded data
_MIX = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F], dtype=np.uint32)
_MOST = 64
_HALF, _MASK = np.uint32(15), np.uint32(WORD_BUCKETS - 1)
_COUNT_WEIGHTS = np.array([0.0, *(1.0 + np.log(np.arange(1, _MOST + 1)))], dtype=np.float32)


class Found(NamedTuple):
    """The features of one text, parallel arrays; a feature may stand there more than once."""

    indices: Indices
    counts: FloatArray
    """One plus the logarithm of how often the word stands in the text."""
    bounds: tuple[int, int]
    """Up to the first stand words and pairs of neighbours, up to the second pairs with one or two
    words between them, then characters."""


def tokens_of(text: str) -> list[str]:
    """Return the words and signs of a text in lower case, cut to 8,000 characters, 1,000 words."""
    return _WORD.findall(text[:MAX_CHARACTERS].lower())[:MAX_WORDS]


def find(text: str) -> Found:
    """Return the features of a text. Case does not count.

    Args:
        text: Cut to 8,000 characters and 1,000 words.
    """
    tokens = tokens_of(text)
    words: dict[str, int] = {}
    for token in tokens:
        words[token] = words.get(token, 0) + 1
    codes = {word: code_of(word) for word in words}
    repeats = len(words) < len(tokens)
    pairs, close = pair_features([codes[token] for token in tokens], unique=repeats)
    grams = [run_features(word) for word in words]
    own = np.array([code % WORD_BUCKETS for code in codes.values()], dtype=np.int32)
    indices = np.concatenate([own, pairs, *grams])
    bounds = (len(own) + close, len(own) + len(pairs))
    counts = np.ones(len(indices), dtype=np.float32)
    if repeats:
        weights = count_weights(words.values())
        counts[: len(own)] = weights
        counts[bounds[1] :] = np.repeat(weights, [len(each) for each in grams])
    return Found(indices, counts, bounds)


def count_weights(counts: Iterable[int]) -> FloatArray:
    """Return one plus the logarithm of how often each word stands in a text."""
    return _COUNT_WEIGHTS.take([min(count, _MOST) for count in counts])


def pair_features(codes: Sequence[int], *, unique: bool) -> tuple[Indices, int]:
    """Return the features of neighbours, then of words with one or two words between them.

    Args:
        codes: Of the words, in order.
        unique: Whether a feature that is there twice is to count once.

    Returns:
        The features, and how many of them are of neighbours.
    """
    pairs = _pairs(np.array([0, *codes, 0, 0], dtype=np.uint32))
    close = len(codes) + 1
    if unique:
        pairs[close:] += WORD_BUCKETS  # so that one sort keeps the two kinds apart
        pairs = np.unique(pairs)
        close = int(pairs.searchsorted(WORD_BUCKETS))
        pairs[close:] -= WORD_BUCKETS
    return pairs, close


def _pairs(codes: npt.NDArray[np.uint32]) -> Indices:
    """Return the features of neighbours, then of words with one, then with two words between.

    Args:
        codes: Of the words, between a zero and two.
    """
    first, second = codes * _MIX[0], codes * _MIX[1]
    mixed = np.concatenate(
        [
            first[:-2] + second[1:-1],
            first[:-2] + second[2:] + _MIX[2],
            first[:-3] + second[3:] + _MIX[3],
        ]
    )
    mixed ^= mixed >> _HALF
    mixed &= _MASK
    return mixed.view(np.int32)


@lru_cache(maxsize=_CACHED_WORDS)
def run_features(word: str) -> Indices:
    """Return the features of the runs of characters in a word."""
    padded = f" {word} "
    runs = {
        padded[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(len(padded) - length + 1)
    }
    features = sorted(code_of(run) % GRAM_BUCKETS + WORD_BUCKETS for run in runs)
    return np.array(features, dtype=np.int32)


def code_of(text: str) -> int:
    """Return the hash of a word or run."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Weighting:
    """Logarithm of the count, times how rare a feature is, words and characters of unit length each.

    Args:
        rarity: Inverse document frequency of each feature, shape (BUCKETS,).
        weights: Lengths of the parts: words and neighbours, pairs further apart, characters.
    """

    rarity: FloatArray
    weights: tuple[float, float, float]

    def __call__(self, found: Found) -> FloatArray:
        """Return the features' values, parallel to ``found.indices``."""
        values = found.counts * self.rarity[found.indices]
        first, second = found.bounds
        parts = (values[:first], values[first:second], values[second:])
        for part, weight in zip(parts, self.weights, strict=True):
            if len(part):
                part *= np.float32(weight / math.sqrt(float(part @ part)))
        return values

    def matrix(self, found: Sequence[Found]) -> csr_matrix:
        """Return the values of several texts as one sparse matrix, shape (n, BUCKETS)."""
        from scipy.sparse import csr_matrix

        starts = np.cumsum([0, *(len(each.indices) for each in found)])
        indices = _joined([each.indices for each in found], np.int32)
        values = _joined([self(each) for each in found], np.float32)
        matrix = csr_matrix((values, indices, starts), shape=(len(found), BUCKETS))
        matrix.sum_duplicates()
        return matrix


def fit_weighting(found: Sequence[Found], weights: tuple[float, float, float]) -> Weighting:
    """Count in how many texts each feature stands; one never seen is the rarest.

    With n texts, m of them with the feature, its weight is ``1 + log((1 + n) / (1 + m))``.
    """
    texts = np.zeros(BUCKETS)
    for each in found:
        texts[each.indices] += 1.0  # an index that stands there twice counts once
    rarity = 1.0 + np.log((1.0 + len(found)) / (1.0 + texts))
    return Weighting(rarity.astype(np.float32), weights)


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=kind), *parts])
