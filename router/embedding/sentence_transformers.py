"""Any model of the sentence-transformers library. The only embedder that brings torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from router.embedding.protocol import FloatArray, cut_text, normalise_rows


class SentenceTransformerEmbedder:
    """Vectors of a sentence-transformers model, on the processor.

    Loading takes seconds, a prompt some ten milliseconds: prefer
    :class:`~router.embedding.onnx.OnnxEmbedder` where a model is exported. On loading, torch is set
    to one thread for the whole process.

    Args:
        model: A folder, or a name that the library resolves (which may download it).
        revision: Of a model that is resolved by name; part of the id.
        batch: Texts run together.
        max_characters: Longer texts are cut before they are tokenised.

    Raises:
        ModuleNotFoundError: On first use, when the library is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        batch: int = 16,
        max_characters: int = 4000,
    ) -> None:
        self._model = model
        self._revision = revision
        self._batch = batch
        self._max_characters = max_characters
        self._lock = threading.Lock()
        self._loaded: Any = None

    @property
    def id(self) -> str:
        """Names the vectors."""
        return f"sentence-transformers-{self._model}" + (
            f"@{self._revision}" if self._revision else ""
        )

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return int(self.embed([" "]).shape[1])

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``."""
        model = self._ready()
        cut = [cut_text(text, self._max_characters) for text in texts]
        with self._lock:  # the library's tokenizers are not made for several threads
            vectors = model.encode(
                cut or [" "],
                batch_size=self._batch,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        rows = np.asarray(vectors, dtype=np.float32)[: len(texts)]
        rows[[not text for text in texts]] = 0.0
        return normalise_rows(rows)

    def _ready(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self._model, self._revision)
            return self._loaded


def _load(model: str, revision: str | None) -> Any:
    try:
        library = import_module("sentence_transformers")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this embedder needs the 'sentence-transformers' package: "
            "pip install 'composition-of-experts[sentence-transformers]'",
            name="sentence_transformers",
        ) from error
    import_module("torch").set_num_threads(1)
    return library.SentenceTransformer(model, device="cpu", revision=revision)
