"""The packaged model in other quantisations: its Q4_1 tensors as Q8_0 or F16.

Nothing gets any better by that, but files and loads get larger, as those of real quantisations are. The layout is
that of the GGUF specification, version 3 (ggml's docs/gguf.md), and of ggml's block types.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_F16, _Q4_1, _Q8_0 = 1, 3, 8
_BLOCK = 32
_Q4_1_BYTES = 20
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9

Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Tensor:
    head: bytes
    """Name and shape, as they are in the file."""
    elements: int
    kind: int
    offset: int


def requantise(source: Path, target: Path, kind: str) -> None:
    """Write a model anew.

    Args:
        source: A GGUF file.
        target: Where to.
        kind: ``Q8_0`` or ``F16``.
    """
    number, encode = _KINDS[kind]
    raw = source.read_bytes()
    count, metadata, tensors, data = _parsed(raw)
    ends = [*sorted(tensor.offset for tensor in tensors)[1:], len(raw) - data]
    pieces, infos, place = [], [], 0
    for tensor, end in zip(sorted(tensors, key=lambda one: one.offset), ends, strict=True):
        piece = raw[data + tensor.offset : data + end]
        if tensor.kind == _Q4_1:
            size = tensor.elements // _BLOCK * _Q4_1_BYTES
            piece, tensor.kind = encode(_decoded(piece[:size])), number
        piece += bytes(-len(piece) % _ALIGNMENT)
        infos.append(tensor.head + struct.pack("<IQ", tensor.kind, place))
        pieces.append(piece)
        place += len(piece)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), count) + metadata + b"".join(infos)
    target.write_bytes(header + bytes(-len(header) % _ALIGNMENT) + b"".join(pieces))


_ALIGNMENT = 32


def _parsed(raw: bytes) -> tuple[int, bytes, list[_Tensor], int]:
    """Return how many fields there are, their bytes, the tensors, and where their data begins."""
    magic, version, tensors, fields = struct.unpack_from("<4sIQQ", raw)
    if magic != b"GGUF" or version != 3:
        raise ValueError("not a GGUF file of version 3")
    begin = at = 24
    for _ in range(fields):
        at = _after_string(raw, at)
        at = _after_value(raw, at + 4, struct.unpack_from("<I", raw, at)[0])
    metadata = raw[begin:at]
    if b"general.alignment" in metadata:
        raise ValueError("a file with an alignment of its own")
    found = []
    for _ in range(tensors):
        first = at
        at = _after_string(raw, at)
        (axes,) = struct.unpack_from("<I", raw, at)
        shape = struct.unpack_from(f"<{axes}Q", raw, at + 4)
        at += 4 + 8 * axes
        kind, offset = struct.unpack_from("<IQ", raw, at)
        found.append(_Tensor(raw[first:at], int(np.prod(shape)), kind, offset))
        at += 12
    return fields, metadata, found, at + -at % _ALIGNMENT


def _after_string(raw: bytes, at: int) -> int:
    return at + 8 + int(struct.unpack_from("<Q", raw, at)[0])


def _after_value(raw: bytes, at: int, kind: int) -> int:
    if kind == _STRING:
        return _after_string(raw, at)
    if kind != _ARRAY:
        return at + _SCALARS[kind]
    inner, count = struct.unpack_from("<IQ", raw, at)
    at += 12
    if inner in _SCALARS:
        return at + int(count) * _SCALARS[inner]
    for _ in range(count):
        at = _after_value(raw, at, inner)
    return at


def _decoded(piece: bytes) -> Floats:
    """Return the blocks of a Q4_1 tensor as numbers: a scale, a least value, and 32 numbers of four bits."""
    blocks = np.frombuffer(piece, np.uint8).reshape(-1, _Q4_1_BYTES)
    scale, least = (
        blocks[:, at : at + 2].copy().view(np.float16).astype(np.float32) for at in (0, 2)
    )
    bits = blocks[:, 4:]
    values = np.concatenate([bits & 0xF, bits >> 4], axis=1).astype(np.float32)
    return values * scale + least


def _as_f16(values: Floats) -> bytes:
    return values.astype(np.float16).tobytes()


def _as_q8_0(values: Floats) -> bytes:
    """Return blocks of a scale and 32 numbers of eight bits."""
    scale = (np.abs(values).max(axis=1, keepdims=True) / 127).astype(np.float16)
    divisor = np.where(scale == 0, 1, scale).astype(np.float32)
    numbers = np.clip(np.rint(values / divisor), -127, 127).astype(np.int8)
    return np.concatenate([scale.view(np.uint8), numbers.view(np.uint8)], axis=1).tobytes()


_KINDS: dict[str, tuple[int, Callable[[Floats], bytes]]] = {
    "Q8_0": (_Q8_0, _as_q8_0),
    "F16": (_F16, _as_f16),
}
