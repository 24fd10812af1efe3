"""Seeding fills a catalogue that no operator has changed, and never touches another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from experts.catalogue.expert import Expert
from orchestrator.catalogue.seeding import read_experts_file, seed
from orchestrator.catalogue.service import CatalogueService
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import load_settings

Make = Callable[..., Expert]


def _file(path: Path, *ids: str, **fields: Any) -> Path:
    entries = [{"id": name, "provider": "scripted", "model": "echo", **fields} for name in ids]
    path.write_text(yaml.safe_dump({"experts": entries}))
    return path


async def _seed(service: CatalogueService, file: Path | None) -> str:
    report = await seed(service, load_settings(experts_file=file, discover=False), {})
    return report.source


async def test_the_file_is_followed_until_an_operator_changes_something(
    service: CatalogueService, tmp_path: Path, expert: Make
) -> None:
    file = _file(tmp_path / "experts.yaml", "a", "b")
    assert await _seed(service, file) == "file"
    _file(file, "b", "c")
    assert await _seed(service, file) == "file"
    assert list(service.current.experts) == ["b", "c"]
    await service.create(expert("mine"), by="me")
    assert await _seed(service, _file(file, "d")) == "registry"
    assert list(service.current.experts) == ["b", "c", "mine"]


async def test_what_an_operator_took_out_stays_out(
    service: CatalogueService, tmp_path: Path
) -> None:
    file = _file(tmp_path / "experts.yaml", "a", "b")
    await _seed(service, file)
    await service.retire("a", by="me")
    assert await _seed(service, file) == "registry"
    assert list(service.current.experts) == ["b"]


async def test_without_file_and_discovery_nothing_happens(service: CatalogueService) -> None:
    assert await _seed(service, None) == "registry"
    assert not service.current.experts


async def test_a_wrong_entry_stops_the_start_and_stores_nothing(
    service: CatalogueService, tmp_path: Path
) -> None:
    file = _file(tmp_path / "experts.yaml", "a", "b", context_window=-1)
    with pytest.raises(StartError, match=r"experts\.yaml.*context_window"):
        await _seed(service, file)
    assert not service.current.experts


@pytest.mark.parametrize("text", ["experts: [", "\x00", "experts: 3", "[]", "just text"])
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "experts.yaml"
    file.write_text(text)
    with pytest.raises(StartError, match=r"experts\.yaml"):
        read_experts_file(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"none\.yaml"):
        read_experts_file(tmp_path / "none.yaml")
