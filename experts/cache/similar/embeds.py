"""What turns texts into vectors, as the cache sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from experts.cache.similar.index import FloatArray


class Embeds(Protocol):
    """Turns texts into unit vectors at once: one row a text, float32."""

    def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors."""
        ...


class Confirms(Protocol):
    """Turns texts into unit vectors that tell more of them, and may take its time."""

    @property
    def scale(self) -> str:
        """Names the vectors: similarities of another name say nothing of these."""
        ...

    async def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors, one row a text."""
        ...
