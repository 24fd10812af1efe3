"""What every embedder does: texts in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity.

    Instances may load files on first use, never when they are built. They are safe to share
    between threads, start none of their own, and give the same vector for the same text every
    time. One conformance suite runs over them all (``tests/unit/router/test_embedding.py``).
    """

    @property
    def id(self) -> str:
        """Names the vectors: two embedders with one id give the same vectors."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        ...

    def description(self) -> dict[str, Any]:
        """Return what it takes to find or rebuild it elsewhere, as plain JSON data.

        Its ``kind`` says what the other fields mean (:mod:`router.embedding.resolve`).
        """
        ...

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return one row a text, float32, shape ``(len(texts), dimensions)``.

        Every row is finite. Rows have L2 norm 1, but for a text with nothing in it (the empty
        string), whose row is all zeros: similar to nothing. Long texts are cut, cheaply.
        """
        ...


def normalise_rows(vectors: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Scale each row to L2 norm 1; rows of zeros stay as they are."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


def cut_text(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, as text that a tokenizer takes."""
    text = text if len(text) <= limit else text[:limit]
    # Half of a surrogate pair is valid in JSON, but not in UTF-8, which the tokenizer wants.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
