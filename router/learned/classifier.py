"""p(category | text), learned from labelled prompts: a linear classifier on meaning and spelling.

Step one of "Composition of Experts" (arXiv 2412.01868), where a text classifier over embeddings
chooses the category. Here hashed words and characters stand beside the embedding
(:mod:`router.features`), since categories that lie close together differ by them.

Learning uses scikit-learn; deciding needs numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from router.classifier import Evidence, Space, softmax
from router.embedding import FloatArray
from router.features import BUCKETS, Weighting
from router.learned.lexical import LexicalScores

Indices = npt.NDArray[np.int32]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class LearnedClassifier:
    """A linear classifier with a temperature, and prototypes for the distance.

    Args:
        weighting: Values of the hashed features.
        places: Which row of ``lexical`` belongs to a feature, shape (BUCKETS,); row 0, all zeros,
            belongs to those no training prompt has.
        lexical: Weights of the features that count, shape (rows, C).
        space: From the embedder's vectors to those compared here, shape (d,) to (a,).
        dense: Weights of these, shape (a, C).
        intercept: Shape (C,).
        temperature: Divides the scores before the softmax.
        prototypes: Unit vectors, those of one category together, shape (P, a).
    """

    weighting: Weighting
    places: Indices
    lexical: FloatArray
    space: Space
    dense: FloatArray
    intercept: FloatArray
    temperature: float
    prototypes: FloatArray
    _lexical_scores: LexicalScores = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        scores = LexicalScores(self.weighting, self.places, self.lexical)
        object.__setattr__(self, "_lexical_scores", scores)

    def __call__(self, text: str, vector: FloatArray) -> Evidence:
        """Classify one text; ``nearest`` of the evidence is its familiarity, as in :meth:`scores`.

        Args:
            text: The text.
            vector: The embedder's vector of it, shape (d,).
        """
        scores, nearest = self.scores(text, vector)
        return Evidence(softmax(scores / self.temperature), nearest)

    def scores(self, text: str, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a text's scores, shape (C,), and how familiar it is, ().

        Familiar is what scores well in some category and lies near a prototype: the sum of the best
        score and of the similarity to the nearest one tells strangers better than either.
        """
        unit = self.space(vector)
        scores = self._lexical_scores(text)
        scores += unit @ self.dense
        scores += self.intercept
        return scores, np.maximum.reduce(scores) + np.maximum.reduce(self.prototypes @ unit)

    def many(self, texts: Sequence[str], vectors: FloatArray) -> Evidence:
        """Classify several texts: probabilities (n, C), familiarity (n,)."""
        pairs = [self(text, vector) for text, vector in zip(texts, vectors, strict=True)]
        probabilities = np.array([pair.probabilities for pair in pairs])
        nearest = np.array([pair.nearest for pair in pairs], dtype=np.float32)
        return Evidence(probabilities.reshape(len(texts), len(self.intercept)), nearest)

    def arrays(self) -> Arrays:
        """Return what :meth:`load` needs beside the settings; weights as float16, exactly."""
        return {
            "rarity": self.weighting.rarity,
            "buckets": np.flatnonzero(self.places).astype(np.int32),
            "lexical": self.lexical[1:].astype(np.float16),
            "dense": self.dense.astype(np.float16),
            "intercept": self.intercept.astype(np.float16),
            "mean": self.space.mean,
            "transform": self.space.transform,
            "prototypes": self.prototypes.astype(np.float16),
        }

    def settings(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        return {
            "weights": list(self.weighting.weights),
            "temperature": self.temperature,
        }

    @classmethod
    def load(
        cls, arrays: Mapping[str, npt.NDArray[Any]], settings: Mapping[str, Any]
    ) -> LearnedClassifier:
        """Put a classifier together again.

        Raises:
            ValueError: Where the parts do not fit together; says which.
        """
        parts = _checked(arrays)
        first, second, third, temperature = _numbers(settings)
        return cls(
            Weighting(parts["rarity"], (first, second, third)),
            _places(arrays["buckets"]),
            _with_nothing(parts["lexical"]),
            Space(parts["mean"], np.ascontiguousarray(parts["transform"])),
            parts["dense"],
            parts["intercept"],
            temperature,
            parts["prototypes"],
        )


_PARTS = ("rarity", "lexical", "dense", "intercept", "mean", "transform", "prototypes")


def _checked(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, FloatArray]:
    """Return the arrays of numbers as float32, if their shapes fit together."""
    missing = {*_PARTS, "buckets"} - set(arrays)
    if missing:
        raise ValueError(f"the classifier lacks {', '.join(sorted(missing))}")
    parts = {name: np.asarray(arrays[name], dtype=np.float32) for name in _PARTS}
    categories, axes = parts["intercept"].size, parts["dense"].shape[0]
    expected = {
        "rarity": (BUCKETS,),
        "lexical": (arrays["buckets"].size, categories),
        "dense": (axes, categories),
        "intercept": (categories,),
        "mean": (parts["mean"].size,),
        "transform": (parts["mean"].size, axes),
        "prototypes": (len(parts["prototypes"]), axes),
    }
    for name, shape in expected.items():
        if parts[name].shape != shape:
            raise ValueError(f"the classifier's {name!r} is {parts[name].shape}, not {shape}")
        if not np.isfinite(parts[name]).all():
            raise ValueError(f"the classifier's {name!r} holds a value that is no number")
    if not categories or not len(parts["prototypes"]):
        raise ValueError("the classifier has no categories")
    return parts


def _places(buckets: npt.NDArray[Any]) -> Indices:
    if buckets.ndim != 1 or buckets.dtype.kind != "i":
        raise ValueError("the classifier's 'buckets' are not a list of whole numbers")
    if len(buckets) and not 0 <= buckets.min() <= buckets.max() < BUCKETS:
        raise ValueError(f"the classifier's 'buckets' are not all below {BUCKETS}")
    places = np.zeros(BUCKETS, dtype=np.int32)
    places[buckets] = np.arange(1, len(buckets) + 1)
    return places


def compact(lexical: FloatArray) -> tuple[Indices, FloatArray]:
    """Keep the features that have a weight.

    Args:
        lexical: Shape (BUCKETS, C).

    Returns:
        ``places`` and ``lexical`` of a classifier.
    """
    used = np.flatnonzero(lexical.any(axis=1))
    return _places(used.astype(np.int32)), _with_nothing(lexical[used])


def _with_nothing(rows: FloatArray) -> FloatArray:
    """Put the row of features that were never seen in front."""
    return np.vstack([np.zeros((1, rows.shape[1]), dtype=np.float32), rows])


def _numbers(settings: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return the three weights and the temperature."""
    try:
        first, second, third = map(float, settings["weights"])
        temperature = float(settings["temperature"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the classifier's settings cannot be read ({error!r})") from error
    if not all(map(math.isfinite, (first, second, third, temperature))) or temperature <= 0:
        raise ValueError("the classifier's settings are not numbers it can use")
    return first, second, third, temperature
