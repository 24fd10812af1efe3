"""From a name or a description to an embedder, and from an embedder to its description.

An artefact says which embedder it was made with: the kind, the settings, and of a model file its
content. A head that was learned comes as an array with the artefact; a sentence encoder is looked
for among the models of this machine and is used only where its content is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy.typing as npt

from router.embedding import models
from router.embedding.composite import CompositeEmbedder
from router.embedding.contrastive import ContrastiveEmbedder
from router.embedding.hashing import HashingEmbedder
from router.embedding.onnx import OnnxEmbedder
from router.embedding.protocol import Embedder
from router.embedding.remembered import RememberedEmbedder
from router.embedding.sentence_transformers import SentenceTransformerEmbedder
from router.embedding.static import StaticEmbedder

Arrays = Mapping[str, npt.NDArray[Any]]

KINDS = ("static", "hashing", models.ONNX, models.SENTENCE_TRANSFORMERS)
"""Kinds that can be named; the others are built of these."""
SPELLING = "static, hashing, onnx:DIR or sentence-transformers:NAME_OR_DIR, several joined by '+'"
MOST_PARTS = 8
_LARGEST = 1 << 16
_SHOWN = 12
_JOIN = re.compile(rf"\+(?=(?:{'|'.join(KINDS)})(?:$|[:+]))")


class EmbedderUnavailable(Exception):
    """The embedder is not one, or this machine does not have it; says which it is."""


def describe(embedder: Embedder) -> dict[str, Any]:
    """Return all about an embedder that an artefact's manifest says of it."""
    own = embedder.description()
    return {**own, "id": embedder.id, "dimensions": embedder.dimensions}


def arrays_of(embedder: Embedder) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that were learned, for the artefact to hold; most embedders have none."""
    if isinstance(embedder, RememberedEmbedder):
        return arrays_of(embedder.base)
    if isinstance(embedder, ContrastiveEmbedder):
        return {**embedder.arrays(), **_under("base", arrays_of(embedder.base))}
    if isinstance(embedder, CompositeEmbedder):
        found: dict[str, npt.NDArray[Any]] = {}
        for number, part in enumerate(embedder.parts):
            found |= _under(str(number), arrays_of(part))
        return found
    return {}


class EmbedderResolver:
    """Finds or rebuilds embedders. Safe to share between threads; loading takes time and memory.

    Embedders in use are shared: two routers made with the same one hold it once.

    Args:
        places: Folders of models, or folders that hold such folders.
        known: Embedders that this process has anyway.
        hint: Ends the sentence that says which model is missing, such as how to name a folder.
        wrap: Puts around an embedder what this process needs of it; keeps id and vectors.
    """

    def __init__(
        self,
        places: Sequence[Path] = (),
        known: Iterable[Embedder] = (),
        *,
        hint: str = "",
        wrap: Callable[[Embedder], Embedder] | None = None,
    ) -> None:
        self._places = tuple(places)
        self._known = {embedder.id: embedder for embedder in known}
        self._wrap = wrap
        self._hint = f"; {hint}" if hint else ""
        self._lock = Lock()
        self._used: WeakValueDictionary[str, Embedder] = WeakValueDictionary()
        self._resolved: WeakValueDictionary[str, Embedder] = WeakValueDictionary()
        for embedder in self._known.values():
            self._used[_key(embedder.description())] = embedder

    def resolve(self, described: Mapping[str, Any], arrays: Arrays) -> Embedder:
        """Return the embedder that an artefact was made with, loaded.

        Args:
            described: As :func:`describe` returns it; of older artefacts the id alone.
            arrays: As :func:`arrays_of` returns them.

        Raises:
            EmbedderUnavailable: If it cannot be had, or is not the same.
        """
        wanted = str(described.get("id"))
        alive = self._known.get(wanted) or self._resolved.get(wanted)
        if alive is not None:
            return alive
        embedder = self._same(wanted, described, arrays)
        with self._lock:
            wrapped = self._wrap(embedder) if self._wrap else embedder
            return self._resolved.setdefault(wanted, wrapped)

    def _same(self, wanted: str, described: Mapping[str, Any], arrays: Arrays) -> Embedder:
        try:
            embedder = self._built(described, arrays, MOST_PARTS)
            found = embedder.id
        except (OSError, ModuleNotFoundError) as error:
            raise EmbedderUnavailable(
                f"its embedder {wanted!r} cannot be loaded: {error}"
            ) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EmbedderUnavailable(
                f"its embedder {wanted!r} is not described as one ({error})"
            ) from error
        if found != wanted:
            raise EmbedderUnavailable(f"it was made with the embedder {wanted!r}, not {found!r}")
        return embedder

    def named(self, text: str) -> Embedder:
        """Return the embedder that a person names, such as ``static`` or ``onnx:DIR``.

        Args:
            text: See :data:`SPELLING`. A folder may be given by its name in one of the places.

        Raises:
            EmbedderUnavailable: If there is none of that name.
        """
        parts = [self._one(part.strip()) for part in _JOIN.split(text)]
        if len(parts) == 1:
            return parts[0]
        try:
            return CompositeEmbedder(parts)
        except ValueError as error:
            raise EmbedderUnavailable(f"embedder {text!r}: {error}") from error

    def joined(self, embedder: Embedder, names: Iterable[str | None]) -> Embedder:
        """Return an embedder beside those that categories name, each once.

        Args:
            embedder: The router's own.
            names: Of the categories' embedders; ``None`` for those without.

        Raises:
            EmbedderUnavailable: If there is none of a name.
        """
        found = {embedder.id: embedder}
        for name in dict.fromkeys(names):
            if name is not None:
                other = self.named(name)
                found.setdefault(other.id, other)
        return embedder if len(found) == 1 else CompositeEmbedder(list(found.values()))

    def _one(self, text: str) -> Embedder:
        kind, _, rest = text.partition(":")
        if kind == "static" and not rest:
            return self._static()
        if kind == "hashing" and (not rest or (rest.isascii() and rest.isdecimal())):
            size = int(rest[:6] or 512)
            if 1 <= size <= _LARGEST:
                hashing = HashingEmbedder(size)
                return self._shared(hashing.description(), lambda: hashing)
        if kind in {models.ONNX, models.SENTENCE_TRANSFORMERS} and rest:
            return self._encoder(kind, rest)
        raise EmbedderUnavailable(f"there is no embedder {text!r}: {SPELLING}")

    def _encoder(self, kind: str, name: str) -> Embedder:
        folder = models.named(self._places, kind, name)
        if kind == models.ONNX and folder is None:
            raise EmbedderUnavailable(
                f"{name!r} is no folder with {models.MODEL} and {models.TOKENIZER}{self._hint}"
            )
        where = {"kind": kind, "at": str((folder or Path(name)).resolve())}
        try:
            if kind == models.ONNX and folder is not None:
                found: Embedder = self._shared(where, lambda: OnnxEmbedder(folder))
            else:
                model = str(folder or name)
                found = self._shared(where, lambda: SentenceTransformerEmbedder(model))
            _ = found.id  # loads the model, and says what is wrong with it
        except (OSError, ValueError, ModuleNotFoundError) as error:
            raise EmbedderUnavailable(f"embedder '{kind}:{name}': {error}") from error
        return found

    def _built(self, described: Mapping[str, Any], arrays: Arrays, depth: int) -> Embedder:
        if depth < 1:
            raise ValueError("it is made of too many parts")
        kind = described.get("kind")
        if kind == "contrastive":
            base = self._built(described["base"], _within("base", arrays), depth - 1)
            return ContrastiveEmbedder.load(base, arrays)
        if kind == "composite":
            return self._composite(described["parts"], arrays, depth - 1)
        if kind == "static":
            limits = _whole(described, "max_characters", "max_tokens")
            return self._shared(described, lambda: StaticEmbedder(**limits))
        if kind == "hashing":
            limits = _whole(described, "max_characters")
            size = _whole(described, "buckets")["buckets"]
            return self._shared(described, lambda: HashingEmbedder(size, **limits))
        if kind in {models.ONNX, models.SENTENCE_TRANSFORMERS}:
            return self._shared(described, lambda: self._found(str(kind), described))
        if kind is None and described.get("id") == StaticEmbedder.id:  # before there were kinds
            return self._static()
        raise ValueError(f"this release knows no kind {kind!r}")

    def _composite(self, parts: Any, arrays: Arrays, depth: int) -> Embedder:
        if not isinstance(parts, list) or len(parts) > MOST_PARTS:
            raise ValueError(f"its parts are no list of up to {MOST_PARTS}")
        return CompositeEmbedder(
            [
                self._built(part, _within(str(number), arrays), depth)
                for number, part in enumerate(parts)
            ]
        )

    def _found(self, kind: str, described: Mapping[str, Any]) -> Embedder:
        """Return a sentence encoder of this machine whose content is the one described."""
        name, sha256 = str(described["name"]), str(described["sha256"])
        folder = models.find(self._places, kind, sha256, name.rpartition("/")[2])
        if folder is None and kind == models.SENTENCE_TRANSFORMERS:
            folder = models.cached(name, described.get("revision"), sha256)
        if folder is None:
            raise FileNotFoundError(
                f"this machine has no model {name!r} of that kind and content "
                f"(sha256 {sha256[:_SHOWN]}...){self._hint}"
            )
        if kind == models.ONNX:
            limits = _whole(described, "max_tokens", "max_characters", "batch")
            return OnnxEmbedder(folder, None, **limits)
        limits = _whole(described, "batch", "max_characters")
        return SentenceTransformerEmbedder(str(folder), revision=None, **limits)

    def _static(self) -> Embedder:
        embedder = StaticEmbedder()
        return self._shared(embedder.description(), lambda: embedder)

    def _shared(self, described: Mapping[str, Any], make: Callable[[], Embedder]) -> Embedder:
        key = _key(described)
        with self._lock:
            found = self._used.get(key)
            if found is None:
                found = self._used[key] = make()
            return found


def _key(described: Mapping[str, Any]) -> str:
    """Return what is the same for two descriptions of one embedder, inside another or not."""
    own = {name: value for name, value in described.items() if name not in {"id", "dimensions"}}
    return json.dumps(own, sort_keys=True)


def _whole(described: Mapping[str, Any], *names: str) -> dict[str, int]:
    """Return those of the named settings that are given, checked.

    Raises:
        ValueError: If one is not a positive whole number.
    """
    found = {name: described[name] for name in names if described.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1 << 24:
            raise ValueError(f"its {name!r} is no positive whole number")
    return found


def _under(name: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return {f"{name}/{key}": array for key, array in arrays.items()}


def _within(name: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}
