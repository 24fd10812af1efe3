"""Texts to vectors. The protocol, the default, and one without files for tests."""

from router.embedding.hashing import HashingEmbedder
from router.embedding.protocol import Embedder, FloatArray
from router.embedding.static import StaticEmbedder

__all__ = ["Embedder", "FloatArray", "HashingEmbedder", "StaticEmbedder"]
