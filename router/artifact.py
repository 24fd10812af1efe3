"""A learned router on disk and on the wire: JSON and safetensors, hashed, never code.

A directory holds ``artifact.json`` (the manifest) and ``tensors.safetensors``; packed into bytes
they are preceded by a magic word and the manifest's length. Both are read with bounds, and refused
if anything is not as it was written. Reading one never runs anything that came with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1
"""What this release writes, and the newest it reads."""

MANIFEST_FILE = "artifact.json"
TENSORS_FILE = "tensors.safetensors"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_TENSOR_BYTES = 1024 * 1024 * 1024
MAX_HEADER_BYTES = 1024 * 1024
_MAGIC = b"COEROUT1"
_HASH = "content_hash"
_DTYPES = frozenset({"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"})

Tensors = Mapping[str, npt.NDArray[Any]]


class ArtifactInvalid(Exception):
    """This is not an artefact that can be used; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """The parts of a learned router.

    Args:
        manifest: Plain JSON data: format, taxonomy, experts, settings, policies, report.
        tensors: Arrays by name, all finite.
        content_hash: SHA-256 over both, in hexadecimal; set by :func:`seal` or checked on reading.
    """

    manifest: Mapping[str, Any]
    tensors: Tensors
    content_hash: str


def seal(manifest: Mapping[str, Any], tensors: Tensors) -> Artifact:
    """Return an artefact of these parts, with its format and hash.

    Raises:
        ArtifactInvalid: If a tensor is not finite or of a kind that is not stored.
    """
    complete = {**manifest, "format": FORMAT}
    complete.pop(_HASH, None)
    contiguous = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    _check_tensors(contiguous)
    try:
        digest = _digest(complete, _tensor_bytes(contiguous))
    except (ValueError, TypeError) as error:
        raise ArtifactInvalid(f"its manifest is not plain JSON data ({error})") from error
    return Artifact(complete, contiguous, digest)


def pack(artifact: Artifact) -> bytes:
    """Return the artefact as bytes."""
    manifest = _manifest_bytes({**artifact.manifest, _HASH: artifact.content_hash})
    length = len(manifest).to_bytes(8, "little")
    return _MAGIC + length + manifest + _tensor_bytes(artifact.tensors)


def unpack(data: bytes) -> Artifact:
    """Read an artefact from bytes.

    Raises:
        ArtifactInvalid: If it is malformed, newer than this release, or not what was written.
    """
    start = len(_MAGIC) + 8
    if len(data) < start or not data.startswith(_MAGIC):
        raise ArtifactInvalid("these bytes are not a router artefact")
    length = int.from_bytes(data[len(_MAGIC) : start], "little")
    if length > MAX_MANIFEST_BYTES or start + length > len(data):
        raise ArtifactInvalid("its manifest is longer than it can be")
    return _read(data[start : start + length], data[start + length :])


def save(artifact: Artifact, directory: Path) -> None:
    """Write the artefact into a directory, which is made; an older one in it is replaced.

    Nothing is replaced before all is written, and what a failure leaves behind is taken away.

    Raises:
        OSError: If the directory cannot be written to.
    """
    manifest = _manifest_bytes({**artifact.manifest, _HASH: artifact.content_hash})
    files = {TENSORS_FILE: _tensor_bytes(artifact.tensors), MANIFEST_FILE: manifest}
    made = not directory.exists()
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            written.append(directory / f".{name}.new")
            written[-1].write_bytes(data)
        for name, path in zip(files, written, strict=True):
            path.replace(directory / name)
    except OSError:
        with suppress(OSError):
            for path in written:
                path.unlink(missing_ok=True)
            if made:
                directory.rmdir()
        raise


def load(directory: Path) -> Artifact:
    """Read an artefact from a directory.

    Raises:
        ArtifactInvalid: As for :func:`unpack`, or if a file is missing or too large.
    """
    parts = []
    for name, limit in ((MANIFEST_FILE, MAX_MANIFEST_BYTES), (TENSORS_FILE, MAX_TENSOR_BYTES)):
        path = directory / name
        try:
            parts.append(_bytes_of(path, limit))
        except OSError as error:
            raise ArtifactInvalid(f"{path} cannot be read ({error.strerror})") from error
    return _read(*parts)


def _bytes_of(path: Path, limit: int) -> bytes:
    """Read a file, a plain one of at most ``limit`` bytes: a device or a pipe may never end."""
    if not path.is_file():
        path.stat()  # says what is wrong, where it is not there
        raise ArtifactInvalid(f"{path.name} is not a plain file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ArtifactInvalid(f"{path.name} is larger than {limit} bytes")
    return data


def _read(manifest_bytes: bytes, tensor_bytes: bytes) -> Artifact:
    manifest = _manifest_of(manifest_bytes)
    version = manifest.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ArtifactInvalid("its manifest names no format")
    if version > FORMAT:
        raise ArtifactInvalid(
            f"it is of format {version}, written by a newer release; this one reads up to {FORMAT}"
        )
    named = manifest.pop(_HASH, None)
    try:
        found = _digest(manifest, tensor_bytes)
    except (ValueError, RecursionError) as error:
        raise ArtifactInvalid(f"its manifest is not plain JSON data ({error})") from error
    if named != found:
        raise ArtifactInvalid("its content is not what its hash says: it was changed or damaged")
    tensors = _tensors_of(tensor_bytes)
    _check_tensors(tensors)
    return Artifact(manifest, tensors, found)


def _manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    text = json.dumps(manifest, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return text.encode()


def _manifest_of(data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactInvalid(f"its manifest is not JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise ArtifactInvalid("its manifest is not an object")
    return manifest


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _tensor_bytes(tensors: Tensors) -> bytes:
    from safetensors.numpy import save as to_bytes

    data: bytes = to_bytes(dict(tensors))
    return data


def _tensors_of(data: bytes) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    if int.from_bytes(data[:8], "little") > MAX_HEADER_BYTES:
        raise ArtifactInvalid("the header of its tensors is longer than it can be")
    try:
        return dict(from_bytes(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ArtifactInvalid(f"its tensors cannot be read ({error})") from error


def _check_tensors(tensors: Tensors) -> None:
    for name, array in tensors.items():
        if array.dtype.name not in _DTYPES:
            raise ArtifactInvalid(f"tensor {name!r} is of type {array.dtype}, which is not stored")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArtifactInvalid(f"tensor {name!r} holds a value that is not a finite number")


def _digest(manifest: Mapping[str, Any], tensor_bytes: bytes) -> str:
    digest = hashlib.sha256(_manifest_bytes(manifest))
    digest.update(b"\0")
    digest.update(tensor_bytes)
    return digest.hexdigest()
