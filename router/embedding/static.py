"""The default embedder: the mean of static token vectors.

The vectors are those that ship inside the ``wordllama`` wheel (32,000 tokens x 256 dimensions,
float16, distilled from the input embeddings of several large language models). Its two files are
read directly: that library's own loader would fetch the tokenizer from the network.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from router.embedding.protocol import FloatArray, cut_text
from router.embedding.words import WordTokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PACKAGE = "wordllama"
_VECTORS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class StaticEmbedder:
    """Mean of token vectors: no attention, no order of words, some twenty microseconds a prompt.

    Each distinct token counts once. In prompts that repeat a frame (answer options, tables, rows
    of numbers) the frame would drown the words that tell what the prompt is about: on MMLU-Pro
    counting every occurrence costs the starter router six points (``docs/router-starter.md``).

    Texts are lower-cased first, so that shouting changes nothing.

    Nothing is read until the first text comes. The vectors are kept as they come, in half precision (16 MB);
    those of a text are added up as float32, since numpy takes three times as long over halves.

    Args:
        max_characters: Longer texts are cut before they are tokenised.
        max_tokens: Tokens beyond these are dropped.

    Raises:
        ModuleNotFoundError: On first use, when ``wordllama`` is not installed.
        FileNotFoundError: On first use, when the installed release lacks the files.
    """

    id = "wordllama-l2-supercat-256-lower-distinct"
    dimensions = 256

    def __init__(self, max_characters: int = 8000, max_tokens: int = 2000) -> None:
        self._max_characters = max_characters
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._loaded: tuple[WordTokens, npt.NDArray[np.float16]] | None = None

    def description(self) -> dict[str, Any]:
        """Return the limits; the vectors are those of the installed package."""
        return {
            "kind": "static",
            "max_characters": self._max_characters,
            "max_tokens": self._max_tokens,
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), 256)``."""
        words, vectors = self._loaded or self._load()
        found = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(found, texts, strict=True):
            cut = cut_text(text, self._max_characters).lower()
            tokens = list(words.distinct(cut, self._max_tokens))
            if tokens:
                np.add.reduce(vectors.take(tokens, axis=0).astype(np.float32), axis=0, out=row)
                row *= np.float32(1.0 / max(math.sqrt(float(row @ row)), 1e-12))
        return found

    def _load(self) -> tuple[WordTokens, npt.NDArray[np.float16]]:
        with self._lock:
            if self._loaded is None:
                tokenizer, vectors = _read(_package_folder())
                self._loaded = WordTokens(tokenizer), vectors
            return self._loaded


def _package_folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the static embedder reads token vectors from the '{_PACKAGE}' package: "
            f"pip install {_PACKAGE}",
            name=_PACKAGE,
        )
    return Path(spec.submodule_search_locations[0])


def _read(folder: Path) -> tuple[Tokenizer, npt.NDArray[np.float16]]:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    for name in (_VECTORS, _TOKENIZER):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"the installed '{_PACKAGE}' package has no {name}; version 0.4 has"
            )
    tensors: dict[str, Any] = load_file(folder / _VECTORS)
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer, np.asarray(tensors["embedding.weight"], dtype=np.float16)
