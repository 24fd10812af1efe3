"""Artefacts come back as they were written, and nothing else comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as tensor_bytes

from router import artifact
from router.artifact import Artifact, ArtifactInvalid, load, pack, save, seal, unpack

TENSORS = {
    "a/weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([1, -2], dtype=np.int8),
    "half": np.array([0.5], dtype=np.float16),
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


def _made(**manifest: Any) -> Artifact:
    return seal({"experts": ["x", "y"], **manifest}, TENSORS)


def _forged(manifest: dict[str, Any], tensors: bytes) -> bytes:
    """An artefact whose hash fits whatever it holds."""
    digest = artifact._digest(manifest, tensors)
    text = artifact._manifest_bytes({**manifest, "content_hash": digest})
    return artifact._MAGIC + len(text).to_bytes(8, "little") + text + tensors


@given(st.dictionaries(st.text(), JSON))
def test_what_is_packed_is_unpacked(manifest: dict[str, Any]) -> None:
    made = seal(manifest, TENSORS)
    back = unpack(pack(made))
    assert back.content_hash == made.content_hash
    assert back.manifest == made.manifest
    assert set(back.tensors) == set(TENSORS)
    for name, array in TENSORS.items():
        assert back.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(back.tensors[name], array)


def test_a_directory_holds_the_same(tmp_path: Path) -> None:
    made = _made()
    save(made, tmp_path / "router")
    assert pack(load(tmp_path / "router")) == pack(made)
    assert {p.name for p in (tmp_path / "router").iterdir()} == {
        "artifact.json",
        "tensors.safetensors",
    }


def test_the_hash_follows_the_content() -> None:
    other = {**TENSORS, "half": np.array([0.25], dtype=np.float16)}
    assert len({_made().content_hash, _made(note="x").content_hash}) == 2
    assert seal({"experts": ["x", "y"]}, other).content_hash != _made().content_hash


@given(st.data())
def test_one_changed_byte_is_noticed(data: st.DataObject) -> None:
    packed = bytearray(pack(_made()))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ArtifactInvalid):
        unpack(bytes(packed))


@given(st.binary(max_size=300))
def test_no_bytes_make_it_stumble(data: bytes) -> None:
    for attempt in (data, artifact._MAGIC + data, _forged({"format": 1}, data)):
        try:
            unpack(attempt)
        except ArtifactInvalid:
            continue


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(ArtifactInvalid, match=r"format 2.*newer"):
        unpack(_forged({"format": 2}, tensor_bytes(TENSORS)))


@pytest.mark.parametrize("manifest", [{}, {"format": "1"}, {"format": True}, {"format": 0}])
def test_a_manifest_without_format_is_refused(manifest: dict[str, Any]) -> None:
    with pytest.raises(ArtifactInvalid, match="format"):
        unpack(_forged(manifest, tensor_bytes(TENSORS)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    bad = {"weights": np.array([1.0, value], dtype=np.float32)}
    with pytest.raises(ArtifactInvalid, match="weights"):
        seal({}, bad)
    with pytest.raises(ArtifactInvalid, match="weights"):
        unpack(_forged({"format": 1}, tensor_bytes(bad)))


def test_a_huge_header_is_refused_before_it_is_read() -> None:
    with pytest.raises(ArtifactInvalid, match="header"):
        unpack(_forged({"format": 1}, (2**40).to_bytes(8, "little") + b"{}"))


def test_numbers_json_does_not_have_are_refused() -> None:
    with pytest.raises(ArtifactInvalid, match="JSON"):
        seal({"x": float("nan")}, TENSORS)
    text = json.dumps({"format": 1, "x": float("nan")}).encode()
    with pytest.raises(ArtifactInvalid, match="NaN"):
        unpack(artifact._MAGIC + len(text).to_bytes(8, "little") + text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactInvalid, match=r"artifact\.json"):
        load(tmp_path)
