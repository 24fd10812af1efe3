"""Prompts kept in an artefact with the route they take, to prove that a change leaves it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.expected import QualityModel
from router.learned.addition import regression_set
from router.router import CategoryClassifier, KnownGate

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

LONGEST = 2000
"""Characters; longer prompts are not stored."""
MOST = 4000
"""Prompts stored in all."""
NOBODY = -1


class Deciders(NamedTuple):
    """The parts of a router that a route depends on."""

    classifier: CategoryClassifier
    gate: KnownGate
    quality: QualityModel | None
    general: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Prompts and their routes.

    Args:
        texts: n prompts.
        categories: Number of the category each is treated as, ``general`` where unsure, shape (n,).
        experts: Number of the expert with the best expected answer, -1 without scores, shape (n,).
    """

    texts: tuple[str, ...]
    categories: Ints
    experts: Ints

    def changed(self, routes: Stored) -> Ints:
        """Return the numbers of those prompts that take another route."""
        same = (self.categories == routes.categories) & (self.experts == routes.experts)
        return np.flatnonzero(~same)

    def __add__(self, other: Stored) -> Stored:
        """Return both, one after the other."""
        return Stored(
            self.texts + other.texts,
            np.concatenate([self.categories, other.categories]),
            np.concatenate([self.experts, other.experts]),
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that :meth:`load` needs; the texts as bytes of UTF-8."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in self.texts]
        return {
            "text": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            "ends": np.cumsum([len(each) for each in encoded], dtype=np.int64),
            "categories": self.categories.astype(np.int32),
            "experts": self.experts.astype(np.int32),
        }

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Stored:
        """Return the prompts of these :meth:`arrays`.

        Raises:
            KeyError: If one is missing.
            ValueError: If they do not fit together.
        """
        data, ends = arrays["text"].astype(np.uint8).tobytes(), arrays["ends"].tolist()
        starts = [0, *ends[:-1]]
        rising = all(start <= end for start, end in zip(starts, ends, strict=False))
        if not rising or (ends and ends[-1] != len(data)) or (data and not ends):
            raise ValueError("the stored prompts do not fit together")
        texts = tuple(
            data[start:end].decode("utf-8", "surrogatepass")
            for start, end in zip(starts, ends, strict=False)
        )
        categories = arrays["categories"].astype(np.intp)
        experts = arrays["experts"].astype(np.intp)
        if not len(texts) == len(categories) == len(experts):
            raise ValueError("the stored prompts and their routes are not equally many")
        return cls(texts, categories, experts)


def routes(deciders: Deciders, texts: Sequence[str], vectors: FloatArray) -> Stored:
    """Return the route that each prompt takes."""
    categories = np.zeros(len(texts), dtype=np.intp)
    experts = np.full(len(texts), NOBODY, dtype=np.intp)
    for row, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
        probabilities, nearest = deciders.classifier(text, vector)
        top = int(probabilities.argmax())
        doubt = deciders.gate.uncertainty(probabilities, float(nearest))
        categories[row] = deciders.general if deciders.gate.unsure(doubt, top) else top
        if deciders.quality is not None:
            experts[row] = int(deciders.quality(text, vector, probabilities).argmax())
    return Stored(tuple(texts), categories, experts)


def choose(
    deciders: Deciders,
    texts: Sequence[str],
    vectors: FloatArray,
    probabilities: Floats,
    labels: Ints,
    each: int,
) -> Stored:
    """Choose prompts to store: of each category those hardest to tell, and some others.

    Args:
        deciders: What routes them.
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        probabilities: Of their categories, shape (n, C).
        labels: Numbers of their categories, -1 for none, shape (n,).
        each: At most so many a category.
    """
    each = min(each, max(1, MOST // max(probabilities.shape[1], 1))) if each else 0
    short = np.array([0 < len(text) <= LONGEST for text in texts], dtype=bool)
    rows = np.arange(0)
    if each:
        rows = regression_set(probabilities, np.where(short, labels, -1), each)[:MOST]
    return routes(deciders, [texts[row] for row in rows.tolist()], vectors[rows])
