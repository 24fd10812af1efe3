"""Several embedders side by side, for categories that each are told best by another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from router.embedding.protocol import Embedder, FloatArray, normalise_rows


class CompositeEmbedder:
    """The vectors of several embedders, one behind the other, scaled to unit length together.

    The similarity of two texts is the mean of the embedders' similarities. What a classifier
    learns on it may lean on one embedder for one category and on another for the next.

    Args:
        parts: The embedders, each once.

    Raises:
        ValueError: Without an embedder, or with one that is there twice.
    """

    def __init__(self, parts: Sequence[Embedder]) -> None:
        if not parts or len({id(part) for part in parts}) < len(parts):
            raise ValueError("a composite needs embedders, each of them once")
        self.parts = tuple(parts)

    @property
    def id(self) -> str:
        """Names the vectors."""
        return "+".join(part.id for part in self.parts)

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return sum(part.dimensions for part in self.parts)

    def description(self) -> dict[str, Any]:
        """Return what the parts are."""
        return {"kind": "composite", "parts": [part.description() for part in self.parts]}

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``."""
        return normalise_rows(np.hstack([part.embed(texts) for part in self.parts]))
