"""Sentence encoders on disk: which files make one, and where one of a given content lies.

A model is known by the SHA-256 of its files, wherever it lies and whatever its folder is called.
Nothing here downloads anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path

ONNX = "onnx"
"""Kind of a folder with :data:`MODEL` and :data:`TOKENIZER`."""
SENTENCE_TRANSFORMERS = "sentence-transformers"
"""Kind of a folder with :data:`MODULES`."""
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
MODULES = "modules.json"
_MARKS = {ONNX: (MODEL, TOKENIZER), SENTENCE_TRANSFORMERS: (MODULES,)}
_READ = (".json", ".safetensors", ".txt", ".model")
_CHUNK = 1 << 20


def digest_of(model: Path, tokenizer: Path) -> str:
    """Return the SHA-256 of an exported model, of weights beside it, and of its tokenizer.

    A large model keeps its weights in files named after it (``model.onnx_data``).
    """
    beside = sorted(
        path
        for path in model.parent.glob(f"{model.name}?*")
        if path != tokenizer and path.is_file()
    )
    return _digest((model, *beside, tokenizer))


def digest_of_folder(folder: Path) -> str:
    """Return the SHA-256 of all files of a sentence-transformers model that are read, by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _READ and path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(bytes.fromhex(_digest((path,))))
    return digest.hexdigest()


def content(folder: Path, kind: str) -> str:
    """Return the SHA-256 of the model in a folder, in hexadecimal."""
    if kind == ONNX:
        return digest_of(folder / MODEL, folder / TOKENIZER)
    return digest_of_folder(folder)


def folders(places: Sequence[Path], kind: str, first: str = "") -> list[Path]:
    """Return the folders of models: the places themselves, or folders in them.

    Args:
        places: Where to look.
        kind: :data:`ONNX` or :data:`SENTENCE_TRANSFORMERS`.
        first: Name of the folder to return first, if it is there.
    """
    found = [folder for place in places for folder in _near(place) if _is_model(folder, kind)]
    return sorted(dict.fromkeys(found), key=lambda folder: folder.name != first)


def find(places: Sequence[Path], kind: str, sha256: str, name: str) -> Path | None:
    """Return the folder that holds the model of this content, ``None`` where there is none.

    Args:
        places: Where to look.
        kind: :data:`ONNX` or :data:`SENTENCE_TRANSFORMERS`.
        sha256: Of its content.
        name: What its folder was called; looked at first.
    """
    return next((f for f in folders(places, kind, name) if content(f, kind) == sha256), None)


def named(places: Sequence[Path], kind: str, name: str) -> Path | None:
    """Return a model's folder by its path, or by its name in one of the places."""
    for folder in (Path(name), *(place / name for place in places)):
        if _is_model(folder, kind):
            return folder
    return None


def cached(name: str, revision: str | None = None, sha256: str | None = None) -> Path | None:
    """Return the copy of a published model that the Hugging Face cache holds, if it does.

    Args:
        name: Such as ``owner/model``.
        revision: Of it.
        sha256: Where given, the copy must be of this content.
    """
    hub = import_module("huggingface_hub")
    try:
        found = Path(hub.snapshot_download(name, revision=revision, local_files_only=True))
    except (OSError, ValueError):  # not there, or no possible name
        return None
    return found if sha256 in {None, digest_of_folder(found)} else None


def _near(place: Path) -> Iterator[Path]:
    yield place
    if place.is_dir():
        yield from sorted(entry for entry in place.iterdir() if entry.is_dir())


def _is_model(folder: Path, kind: str) -> bool:
    return all((folder / mark).is_file() for mark in _MARKS[kind])


def _digest(paths: Iterable[Path]) -> str:
    stats = [(path, path.stat()) for path in paths]
    return _remembered(tuple((str(p), s.st_size, s.st_mtime_ns) for p, s in stats))


@lru_cache(maxsize=1024)
def _remembered(files: tuple[tuple[str, int, int], ...]) -> str:
    """Hash files one behind the other; ones that did not change are not read again."""
    digest = hashlib.sha256()
    for name, _, _ in files:
        with Path(name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
