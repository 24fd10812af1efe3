"""What hashed words and characters add to the scores, with the share of each word kept.

Language repeats itself: nearly all words of a prompt were in prompts before. What a word and the
runs of characters in it add to every category's score does not depend on the prompt, but for one
factor, so it is worked out when the word is first seen. That leaves the pairs of words.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.features import (
    WORD_BUCKETS,
    Weighting,
    code_of,
    count_weights,
    pair_features,
    run_features,
    tokens_of,
)

Indices = npt.NDArray[np.int32]

_FIRST_ROWS = 1024
_MOST_BYTES = 16 << 20


@dataclass(slots=True)
class _Words:
    """What each word seen so far adds. Rows are written before the word points to them.

    Args:
        rows: Sums of weighted rarities and of their squares: of the word itself (C + 1), then of
            the runs of characters in it (C + 1).
        entries: The word's row and its code.
    """

    rows: FloatArray
    entries: dict[str, tuple[int, int]] = field(default_factory=dict)


class LexicalScores:
    """Scores of a text by its words, pairs of words and characters; safe to share between threads.

    The same as ``weighting(find(text)) @ lexical[places[find(text).indices]]`` but for rounding.

    Args:
        weighting: Values of the features.
        places: Which row of ``lexical`` belongs to a feature, shape (BUCKETS,).
        lexical: Weights, shape (rows, C).
    """

    def __init__(self, weighting: Weighting, places: Indices, lexical: FloatArray) -> None:
        self._weighting = weighting
        self._places = places
        self._lexical = lexical
        width = 2 * (lexical.shape[1] + 1)
        self._most_rows = max(_FIRST_ROWS, _MOST_BYTES // (4 * width))
        self._lock = threading.Lock()
        self._words = _Words(np.zeros((_FIRST_ROWS, width), dtype=np.float32))

    def __call__(self, text: str) -> FloatArray:
        """Return the text's scores, shape (C,)."""
        tokens = tokens_of(text)
        counts: dict[str, int] = {}
        for token in tokens:
            counts[token] = counts.get(token, 0) + 1
        words, found = self._look_up(counts)
        codes = [found[token][1] for token in tokens]
        pairs, close = pair_features(codes, unique=len(counts) < len(tokens))
        rows = words.rows.take([found[word][0] for word in counts], axis=0)
        if len(counts) < len(tokens):
            weights = count_weights(counts.values())
            added: FloatArray = weights @ rows
            squares: FloatArray = np.square(weights) @ rows
        else:
            added = squares = np.add.reduce(rows, axis=0)
        return self._sum(added, squares, pairs, close)

    def _sum(
        self, added: FloatArray, squares: FloatArray, pairs: Indices, close: int
    ) -> FloatArray:
        """Give words with neighbours, pairs further apart and characters their lengths."""
        values = self._weighting.rarity.take(pairs)
        weights = self._lexical.take(self._places.take(pairs), axis=0)
        near, far = values[:close], values[close:]
        count = self._lexical.shape[1]
        first, second, third = self._weighting.weights
        scores = near @ weights[:close]
        scores += added[:count]
        scores *= _factor(first, float(squares[count]) + float(near @ near))
        scores += far @ weights[close:] * _factor(second, float(far @ far))
        scores += added[count + 1 : -1] * _factor(third, float(squares[-1]))
        return scores

    def _look_up(self, words: dict[str, int]) -> tuple[_Words, dict[str, tuple[int, int]]]:
        known = self._words
        found = known.entries
        for word in words:
            if word not in found:
                return self._learned(words)
        return known, found

    def _learned(self, words: dict[str, int]) -> tuple[_Words, dict[str, tuple[int, int]]]:
        """Add what is new; where there is no room, forget all and begin again."""
        with self._lock:
            known = self._words
            if len(known.entries) + len(words) > self._most_rows:
                known = _Words(np.zeros_like(known.rows[: max(_FIRST_ROWS, len(words))]))
            short = len(known.entries) + len(words) - len(known.rows)
            if short > 0:
                room = np.zeros((max(short, len(known.rows)), known.rows.shape[1]), np.float32)
                # A new object: others may be reading rows of the one before.
                known = _Words(np.concatenate([known.rows, room]), dict(known.entries))
            for word in words:
                if word not in known.entries:
                    row, code = len(known.entries), code_of(word)
                    known.rows[row] = self._row(word, code)
                    known.entries[word] = row, code
            self._words = known
        return known, known.entries

    def _row(self, word: str, code: int) -> FloatArray:
        own = np.array([code % WORD_BUCKETS], dtype=np.int32)
        return np.concatenate([self._added(own), self._added(run_features(word))])

    def _added(self, features: Indices) -> FloatArray:
        """Return what features of the same count add to the scores, and their sum of squares."""
        values = self._weighting.rarity[features]
        return np.append(values @ self._lexical[self._places[features]], values @ values)


def _factor(weight: float, squares: float) -> np.float32:
    return np.float32(weight / math.sqrt(squares) if squares > 0.0 else 0.0)
