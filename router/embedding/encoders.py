"""Which embedders run a model, and so take milliseconds a text instead of microseconds."""

from __future__ import annotations

from router.embedding.composite import CompositeEmbedder
from router.embedding.contrastive import ContrastiveEmbedder
from router.embedding.hashing import HashingEmbedder
from router.embedding.protocol import Embedder
from router.embedding.remembered import RememberedEmbedder
from router.embedding.static import StaticEmbedder


def is_encoder(embedder: Embedder) -> bool:
    """Tell whether a model is run for each text. Of an unknown embedder it is assumed."""
    return any(
        not isinstance(part, StaticEmbedder | HashingEmbedder) for part in parts_of(embedder)
    )


def texts_together(embedder: Embedder) -> int:
    """Return how many texts are worth embedding in one call."""
    sizes = [int(getattr(part, "batch", 1)) for part in parts_of(embedder) if is_encoder(part)]
    return min(sizes, default=1)


def parts_of(embedder: Embedder) -> list[Embedder]:
    """Return the embedders that see the text, without heads and what joins them."""
    if isinstance(embedder, ContrastiveEmbedder | RememberedEmbedder):
        return parts_of(embedder.base)
    if isinstance(embedder, CompositeEmbedder):
        return [inner for part in embedder.parts for inner in parts_of(part)]
    return [embedder]
