"""Sentence encoders exported to ONNX, run by onnxruntime: no torch, some milliseconds a prompt."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from router.embedding.models import MODEL, ONNX, TOKENIZER, digest_of
from router.embedding.protocol import FloatArray, cut_text, normalise_rows

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_DYNAMIC = b"DynamicQuantizeLinear"
_BATCH = 16


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: Any
    """An ``onnxruntime.InferenceSession``."""
    tokenizer: Tokenizer
    inputs: frozenset[str]
    digest: str
    dimensions: int
    batch: int


class OnnxEmbedder:
    """Mean of a transformer's token vectors, or the sentence vector where the model gives one.

    For example all-MiniLM-L6-v2, quantised to int8: 384 dimensions, about 2 ms a prompt on one
    core.

    Texts are run in micro-batches of like length, so that little is padded. A model that was
    quantised dynamically scales its activations by all texts of a batch, so that a text's vector
    would depend on its neighbours; such a model is given one text at a time.

    Nothing is read until the first text comes, or the id is asked for, which holds a hash of the
    model. One thread is used.

    Args:
        model: The model file, or a folder with ``model.onnx``. Its inputs are ``input_ids`` and
            ``attention_mask``, with or without ``token_type_ids``.
        tokenizer: The tokenizer file; by default ``tokenizer.json`` beside the model.
        max_tokens: Tokens beyond these are dropped.
        max_characters: Longer texts are cut before they are tokenised.
        batch: Texts run together; by default 16, or 1 for a dynamically quantised model.

    Raises:
        ModuleNotFoundError: On first use, when onnxruntime is not installed.
        FileNotFoundError: On first use, when a file is not there.
        ValueError: On first use, when the model is not of this kind.
    """

    def __init__(
        self,
        model: Path,
        tokenizer: Path | None = None,
        *,
        max_tokens: int = 128,
        max_characters: int = 4000,
        batch: int | None = None,
    ) -> None:
        if max_tokens < 2 or (batch is not None and batch < 1):
            raise ValueError("max_tokens must be at least 2, and batch at least 1")
        self._model = model
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._max_characters = max_characters
        self._batch = batch
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @property
    def id(self) -> str:
        """Names the vectors, by the content of both files and the number of tokens."""
        return f"onnx-{self.digest[:12]}-{self._max_tokens}"

    @property
    def digest(self) -> str:
        """SHA-256 of the model and its tokenizer, in hexadecimal."""
        return self._ready().digest

    @property
    def batch(self) -> int:
        """Texts that are worth running together."""
        return self._batch or self._ready().batch

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self._ready().dimensions

    def description(self) -> dict[str, Any]:
        """Return the model's content and what it is called here."""
        folder = self._model if self._model.is_dir() else self._model.parent
        return {
            "kind": ONNX,
            "name": folder.resolve().name,
            "sha256": self.digest,
            "max_tokens": self._max_tokens,
            "max_characters": self._max_characters,
            "batch": self._batch,
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``."""
        loaded = self._ready()
        vectors = np.zeros((len(texts), loaded.dimensions), dtype=np.float32)
        tokens = {
            row: loaded.tokenizer.encode(cut_text(text, self._max_characters)).ids
            for row, text in enumerate(texts)
            if text
        }
        for rows in _alike(tokens, self.batch):
            vectors[rows] = _run(loaded, [tokens[row] for row in rows])
        return normalise_rows(vectors)

    def _ready(self) -> _Loaded:
        return self._loaded or self._load()

    def _load(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                model = self._model / MODEL if self._model.is_dir() else self._model
                tokenizer = self._tokenizer or model.parent / TOKENIZER
                self._loaded = _read(model, tokenizer, self._max_tokens)
            return self._loaded


def _alike(tokens: dict[int, list[int]], batch: int) -> Iterator[list[int]]:
    """Yield rows to run together, the shortest first."""
    ordered = sorted(tokens, key=lambda row: (len(tokens[row]), row))
    for start in range(0, len(ordered), batch):
        yield ordered[start : start + batch]


def _run(loaded: _Loaded, tokens: list[list[int]]) -> npt.NDArray[np.floating[Any]]:
    lengths = np.array([len(each) for each in tokens])
    mask = (np.arange(lengths.max())[None, :] < lengths[:, None]).astype(np.int64)
    ids = np.zeros_like(mask)
    for row, each in zip(ids, tokens, strict=True):
        row[: len(each)] = each
    fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    output = loaded.session.run(None, {name: fed[name] for name in loaded.inputs})[0]
    if output.ndim == 2:
        return np.asarray(output)
    summed = (output * mask[:, :, None]).sum(axis=1)
    return np.asarray(summed / np.maximum(lengths, 1)[:, None])


def _read(model: Path, tokenizer: Path, max_tokens: int) -> _Loaded:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the onnx embedder runs its model with the 'onnxruntime' package: "
            "pip install onnxruntime",
            name="onnxruntime",
        ) from error
    from tokenizers import Tokenizer

    for path in (model, tokenizer):
        if not path.is_file():
            raise FileNotFoundError(f"the onnx embedder needs the file {path}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    providers = ["CPUExecutionProvider"]
    try:
        # From the path: a large model keeps its weights in files beside it.
        session = onnxruntime.InferenceSession(str(model), options, providers=providers)
        split = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # both libraries raise kinds of their own for a file that is none
        raise ValueError(f"{model} or its tokenizer cannot be loaded: {error}") from error
    split.no_padding()
    split.enable_truncation(max_tokens)
    return _Loaded(
        session,
        split,
        _inputs(session, model),
        digest_of(model, tokenizer),
        _width(session, model),
        1 if _DYNAMIC in model.read_bytes() else _BATCH,
    )


def _inputs(session: Any, model: Path) -> frozenset[str]:
    names = frozenset(each.name for each in session.get_inputs())
    known = {"input_ids", "attention_mask", "token_type_ids"}
    if not {"input_ids"} <= names <= known:
        raise ValueError(f"{model} takes {', '.join(sorted(names))}: not a sentence encoder")
    return names


def _width(session: Any, model: Path) -> int:
    shape = session.get_outputs()[0].shape
    if len(shape) not in {2, 3} or not isinstance(shape[-1], int):
        raise ValueError(f"{model} gives {shape}: not vectors of tokens or sentences")
    return int(shape[-1])
