"""What turns texts into vectors, as the cache sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from experts.cache.similar.index import FloatArray


class Embeds(Protocol):
    """Turns texts into unit vectors: one row a text, float32."""

    def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors."""
        ...
