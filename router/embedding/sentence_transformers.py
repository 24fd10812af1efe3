"""Any model of the sentence-transformers library. The only embedder that brings torch."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from router.embedding.models import (
    MODULES,
    SENTENCE_TRANSFORMERS,
    cached,
    digest_of_folder,
)
from router.embedding.protocol import FloatArray, cut_text, normalise_rows

_OWN = "sentence_transformers."
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    """A ``sentence_transformers.SentenceTransformer``."""
    digest: str
    dimensions: int


class SentenceTransformerEmbedder:
    """Vectors of a sentence-transformers model, on the processor.

    Loading takes seconds, a prompt some ten milliseconds: prefer
    :class:`~router.embedding.onnx.OnnxEmbedder` where a model is exported. On loading, torch is set
    to one thread for the whole process.

    A model that brings code of its own, or weights as pickles, is refused; nothing is downloaded.

    Args:
        model: A folder, or a name of which the library's cache holds a copy.
        revision: Of a model that is found by name.
        batch: Texts run together.
        max_characters: Longer texts are cut before they are tokenised.

    Raises:
        ModuleNotFoundError: On first use, when the library is not installed.
        FileNotFoundError: On first use, when there is no such model on this machine.
        ValueError: On first use, when the model would run code of its own.
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
        self.batch = batch
        self._max_characters = max_characters
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @property
    def id(self) -> str:
        """Names the vectors, by the content of the model's files."""
        return f"{SENTENCE_TRANSFORMERS}-{self.digest[:12]}"

    @property
    def digest(self) -> str:
        """SHA-256 of the model's files, in hexadecimal."""
        return self._ready().digest

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self._ready().dimensions

    def description(self) -> dict[str, Any]:
        """Return the model's content and what it is called here."""
        path = Path(self._model)
        return {
            "kind": SENTENCE_TRANSFORMERS,
            "name": path.resolve().name if path.is_dir() else self._model,
            "revision": self._revision,
            "sha256": self.digest,
            "max_characters": self._max_characters,
            "batch": self.batch,
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``."""
        loaded = self._ready()
        vectors = np.zeros((len(texts), loaded.dimensions), dtype=np.float32)
        kept = [row for row, text in enumerate(texts) if text]
        if kept:
            cut = [cut_text(texts[row], self._max_characters) for row in kept]
            with self._lock:  # the library's tokenizers are not made for several threads
                vectors[kept] = _run(loaded.model, cut, self.batch)
        return normalise_rows(vectors)

    def _ready(self) -> _Loaded:
        return self._loaded or self._load()

    def _load(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self._model, self._revision, self.batch)
            return self._loaded


def _run(model: Any, texts: list[str], batch: int) -> FloatArray:
    vectors = model.encode(texts, batch_size=batch, convert_to_numpy=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32)


def _load(model: str, revision: str | None, batch: int) -> _Loaded:
    try:
        library = import_module("sentence_transformers")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this embedder needs the 'sentence-transformers' package: "
            "pip install 'composition-of-experts[sentence-transformers]'",
            name="sentence_transformers",
        ) from error
    folder = _folder(model, revision)
    _check(folder)
    import_module("torch").set_num_threads(1)
    try:
        loaded = library.SentenceTransformer(
            str(folder),
            device="cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:  # three libraries raise kinds of their own
        raise ValueError(f"{folder} cannot be loaded: {error}") from error
    return _Loaded(loaded, digest_of_folder(folder), _run(loaded, ["x"], batch).shape[1])


def _folder(model: str, revision: str | None) -> Path:
    """Return the folder of a model; of one given by name, its copy in the cache."""
    if Path(model).is_dir():
        return Path(model)
    found = cached(model, revision)
    if found is None:
        raise FileNotFoundError(
            f"there is no sentence-transformers model {model!r} on this machine; "
            "give its folder, or put it into the cache with 'hf download'"
        )
    return found


def _check(folder: Path) -> None:
    """Refuse what would run code: modules that are not the library's, and pickles."""
    path = folder / MODULES
    try:
        types = [str(each["type"]) for each in json.loads(path.read_text(encoding="utf-8"))]
    except OSError as error:
        raise FileNotFoundError(f"the sentence-transformers model lacks {path}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no list of modules") from error
    foreign = [each for each in types if not each.startswith(_OWN)]
    if foreign:
        raise ValueError(f"{folder} brings code of its own ({foreign[0]}), which is not run")
    for pattern in _PICKLES:
        for pickled in folder.rglob(pattern):
            if not any(pickled.parent.glob("*.safetensors")):
                raise ValueError(f"{pickled} is a pickle, which is not read; use safetensors")
