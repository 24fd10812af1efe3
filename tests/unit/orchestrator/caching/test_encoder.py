"""The encoder that confirms which requests are alike, as the settings name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bootstrap.parts import cache_encoder
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings


def settings(tmp_path: Path, encoder: str | None) -> Settings:
    return Settings(data_dir=tmp_path, cache_encoder=encoder)


def test_without_a_name_there_is_none(tmp_path: Path) -> None:
    assert cache_encoder(settings(tmp_path, None)) is None


def test_an_encoder_that_is_named_remembers_its_vectors(tmp_path: Path) -> None:
    encoder = cache_encoder(settings(tmp_path, "hashing:64"))
    assert encoder is not None
    assert encoder.embed(["a sofa"]).shape == (1, 64)


def test_an_encoder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="COE_CACHE_ENCODER: 'minilm' is no folder"):
        cache_encoder(settings(tmp_path, "onnx:minilm"))
