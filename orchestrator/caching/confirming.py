"""What confirms that two requests ask the same: a sentence encoder, or the vectors that found them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from experts.cache.similar.content import WAY

FloatArray = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def id(self) -> str:
        """Names the vectors."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of each."""
        ...

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return one row a text."""
        ...


class Encoder(Embedder, Protocol):
    """An embedder that takes milliseconds, which a thread spends."""

    async def prepare(self, text: str) -> None:
        """Wait until the vector of a text is at hand."""
        ...


class AtOnce:
    """Confirms by an embedder that takes microseconds.

    Args:
        embedder: The embedder.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def scale(self) -> str:
        """Names the vectors, and what of a text they are made of."""
        return f"{self._embedder.id}/{WAY}"

    async def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors."""
        return self._embedder.embed(texts)


class InThread:
    """Confirms by an encoder, off the event loop.

    Args:
        encoder: The encoder; it remembers the vectors of kept prompts.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def scale(self) -> str:
        """Names the vectors, and what of a text they are made of."""
        return f"{self._encoder.id}/{WAY}"

    async def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors; those of texts seen of late are at hand."""
        await asyncio.gather(*(self._encoder.prepare(text) for text in texts))
        return np.stack([self._encoder.embed([text])[0] for text in texts])
