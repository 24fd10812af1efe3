"""What the options of a multiple-choice question tell of the right one before anybody is asked.

Test-writers leave traces: wrong options are made by varying the right one, so that it has most in
common with the others; it is rarely the extreme number, and often the longest text. Known as
test-wiseness (Millman, Bishop and Ebel, "An Analysis of Test-Wiseness", 1965). It is knowledge of
the test, not of the world, and is reported apart wherever it is used.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

MOST_OPTIONS = 26
_LONGEST = 2000
"""Characters of a question or an option that are looked at."""
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?|[^\sa-z\d]")
_NUMBER = re.compile(
    r"([-\u2212\u2013]?)\s*\$?\s*(\d[\d,]*\.?\d*|\.\d+)"
    r"(?:\s*(?:\u00d7|x|\*|\\times)\s*10\s*\^?\s*\{?\(?\s*([-\u2212\u2013]?\d{1,3}))?"
)
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})
_FLAGS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(all|both) of (the|these|them)",
        r"none|neither|cannot|not (?:enough|sufficient)",
        r"\b(always|never|only|all|must)\b",
        r"\b(may|can|usually|often|some|generally)\b",
    )
)
_NUMERIC_TERMS = 9
_FAR = 9.0
TERMS = 26
"""Numbers told of each option."""
POSITIONS = 10
INPUTS = 3 * TERMS + 1 + POSITIONS


def traces(question: str, options: Sequence[str]) -> Floats:
    """Return what is told of each option, (K, 26)."""
    texts = [option[:_LONGEST].lower() for option in options]
    words = [set(_WORD.findall(text)) for text in texts]
    asked = set(_WORD.findall(question[:_LONGEST].lower()))
    lengths = np.log1p([len(text) for text in texts])
    common = np.array([_in_common(place, words) for place in range(len(texts))])
    by_word = _alike(words)
    by_letters = _alike([_trigrams(text) for text in texts])
    flags = [[float(bool(flag.search(text))) for flag in _FLAGS] for text in texts]
    numbers = _numeric(texts)
    numeric = np.full((len(texts), 1), float(numbers is not None))
    if numbers is None:
        numbers = np.zeros((len(texts), _NUMERIC_TERMS))
        numbers[:, 0] = 0.5
    return np.column_stack(
        [
            *(lengths - lengths.mean(), lengths - lengths.max(), lengths - lengths.min()),
            *(by_word, by_letters, common),
            *([_weight(own & asked) / max(_weight(own), 1.0) for own in words],),
            *([float(len(own & asked)) for own in words],),
            *(flags, numeric, numbers),
        ]
    )


def inputs(told: Floats, scales: Floats) -> FloatArray:
    """Return the inputs of the network for each option, (K, 89).

    Each number in three views: against the other options, by itself, and by its rank among them;
    then how many options there are, and which place the option has.

    Args:
        told: Of the options of one question, :func:`traces`.
        scales: Deviation within questions, mean, and deviation of each number, (3, 26).
    """
    count = len(told)
    within = np.clip((told - told.mean(axis=0)) / scales[0], -4.0, 4.0)
    alone = np.clip((told - scales[1]) / scales[2], -3.0, 3.0)
    below = (told[:, None] > told[None]).sum(axis=1)
    above = (told[:, None] < told[None]).sum(axis=1)
    ranks = (below - above) / max(count - 1, 1)
    place = np.zeros((count, POSITIONS))
    place[np.arange(count), np.minimum(np.arange(count), POSITIONS - 1)] = 1.0
    size = np.full((count, 1), (count - 9.3) / 2.0)
    return np.hstack([within, alone, ranks, size, place]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class OptionPrior:
    """A few small networks whose scores are averaged, and a softmax over the options.

    Args:
        scales: See :func:`inputs`.
        hidden: Weights to the hidden units, (M, 89, H).
        bias: Of the hidden units, (M, H).
        out: From the hidden units, (M, H).
        straight: From the inputs, (M, 89).
    """

    scales: Floats
    hidden: FloatArray
    bias: FloatArray
    out: FloatArray
    straight: FloatArray

    def __call__(self, question: str, options: Sequence[str]) -> Floats:
        """Return the log-probability that each option is right, (K,)."""
        if not options:
            return np.zeros(0)
        if len(options) > MOST_OPTIONS:
            return np.full(len(options), -math.log(len(options)))
        return self.told(traces(question, options))

    def told(self, told: Floats) -> Floats:
        """Return the same of what :func:`traces` tells of the options."""
        scores = self.scores(inputs(told, self.scales)).astype(np.float64)
        scores -= scores.max()
        found: Floats = scores - np.log(np.exp(scores).sum())
        return found

    def scores(self, told: FloatArray) -> FloatArray:
        """Return the score of each option, (...,), of its inputs, (..., 89)."""
        total = np.zeros(told.shape[:-1], dtype=np.float32)
        parts = zip(self.hidden, self.bias, self.out, self.straight, strict=True)
        for hidden, bias, out, straight in parts:
            total += np.tanh(told @ hidden + bias) @ out + told @ straight
        return total / np.float32(len(self.hidden))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts by name."""
        return {name: getattr(self, name) for name in _PARTS}

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> OptionPrior:
        """Return the prior of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together, or hold what is not a finite number.
        """
        scales = np.asarray(arrays["scales"], dtype=np.float64)
        hidden, bias, out, straight = (
            np.ascontiguousarray(arrays[name], dtype=np.float32) for name in _PARTS[1:]
        )
        if hidden.ndim != 3 or not len(hidden) or hidden.shape[1] != INPUTS:
            raise ValueError("option prior: the hidden weights do not fit its inputs")
        count, _, units = hidden.shape
        shapes = (bias.shape, out.shape, straight.shape, scales.shape)
        if shapes != ((count, units), (count, units), (count, INPUTS), (3, TERMS)):
            raise ValueError("option prior: its parts do not fit together")
        if not all(np.isfinite(part).all() for part in (scales, hidden, bias, out, straight)):
            raise ValueError("option prior: it holds a value that is not a finite number")
        return cls(scales, hidden, bias, out, straight)


_PARTS = ("scales", "hidden", "bias", "out", "straight")


def _trigrams(text: str) -> set[str]:
    padded = f" {text} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _alike(sets: Sequence[set[str]]) -> Floats:
    """Return the mean and the largest Jaccard similarity to the other options, (K, 2)."""
    count = len(sets)
    found = np.zeros((count, count))
    for one in range(count):
        for other in range(one):
            shared = len(sets[one] & sets[other])
            joined = len(sets[one]) + len(sets[other]) - shared
            found[one, other] = found[other, one] = shared / max(joined, 1)
    return np.column_stack([found.sum(axis=1) / max(count - 1, 1), found.max(axis=1)])


def _in_common(place: int, words: Sequence[set[str]]) -> tuple[float, float, float]:
    """Return how many others share the words that not all share: mean, most, least."""
    count = len(words)
    counts = Counter(word for own in words for word in own)
    shares = [(counts[w] - 1) / max(count - 1, 1) for w in words[place] if counts[w] < count]
    return (sum(shares) / len(shares), max(shares), min(shares)) if shares else (0.0, 0.0, 0.0)


def _weight(words: set[str]) -> float:
    return float(sum(len(word) - 1 for word in words))


def _numeric(texts: Sequence[str]) -> Floats | None:
    """Return where each option's number lies among the others, (K, 9); ``None`` for other texts."""
    found = np.array([_number(text) for text in texts])
    if np.isfinite(found).sum() < max(len(texts) - 1, 2):
        return None
    sizes = np.log(np.abs(found) + 1e-12)
    middle = np.nanmedian(sizes)
    rows = [_among(place, found, sizes, middle, texts[place]) for place in range(len(texts))]
    return np.array(rows)


def _among(
    place: int, numbers: Floats, sizes: Floats, middle: float, text: str
) -> tuple[float, ...]:
    own = numbers[place]
    if not np.isfinite(own):
        return (0.5,) + (0.0,) * (_NUMERIC_TERMS - 1)
    others = max(len(numbers) - 1, 1)
    rank = float((numbers < own).sum() + 0.5 * ((numbers == own).sum() - 1)) / others
    apart = np.nan_to_num(np.abs(sizes - sizes[place]), nan=_FAR)
    apart[place] = _FAR
    return (
        *(rank, abs(rank - 0.5), float(rank == 0.0), float(rank == 1.0)),
        min(abs(float(sizes[place] - middle)), 5.0),
        min(float(apart.min()), _FAR),
        float((apart < 0.3).sum()) / others,  # within a third of it
        float(sum(character.isdigit() for character in text)),
        float(len(re.findall(r"\.\d+", text))),
    )


def _number(text: str) -> float:
    """Return the first number in a text, NaN where there is none."""
    found = _NUMBER.search(text)
    if found is None:
        return math.nan
    number = float(found[2].replace(",", ""))
    if found[3]:
        number *= 10.0 ** max(min(int(found[3].translate(_MINUS)), 300), -300)
    number = min(number, 1e300)
    return -number if found[1] else number
