"""An embedder without files or models: words and character trigrams hashed to dimensions."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from router.embedding.protocol import FloatArray, normalise_rows

_WORD = re.compile(r"\w+|[^\w\s]")
_TRIGRAM_WEIGHT = 0.5


class HashingEmbedder:
    """Signed feature hashing (Weinberger et al., 2009) of words and character trigrams.

    Knows no meanings, only spellings: for tests, demonstrations and machines without the
    token vectors of :class:`~router.embedding.static.StaticEmbedder`.

    Args:
        dimensions: Length of the vectors.
        max_characters: Longer texts are cut.
    """

    def __init__(self, dimensions: int = 512, max_characters: int = 8000) -> None:
        if dimensions < 1:
            raise ValueError("dimensions must be at least 1")
        self._dimensions = dimensions
        self._max_characters = max_characters

    @property
    def id(self) -> str:
        """Names the vectors."""
        return f"hashing-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self._dimensions

    def description(self) -> dict[str, Any]:
        """Return its arguments, which are all there is to it."""
        return {
            "kind": "hashing",
            "buckets": self._dimensions,
            "max_characters": self._max_characters,
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``."""
        vectors = np.zeros((len(texts), self._dimensions))
        for row, text in zip(vectors, texts, strict=True):
            for feature, weight in _features(text[: self._max_characters].lower()):
                code = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
                row[(code >> 1) % self._dimensions] += weight if code & 1 else -weight
            if text and not row.any():  # only blanks, or every feature cancelled by another
                row[0] = 1.0
        return normalise_rows(vectors)


def _features(text: str) -> Iterator[tuple[str, float]]:
    counts = Counter(_WORD.findall(text))
    for word, count in counts.items():
        weight = float(1 + np.log(count))
        yield word, weight
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            yield "#" + padded[start : start + 3], _TRIGRAM_WEIGHT * weight
