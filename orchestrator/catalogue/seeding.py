"""Fills a catalogue that no operator has touched: from a file, or with what is found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from experts.catalogue.entries import parse_document
from experts.catalogue.errors import CatalogueInvalid
from experts.catalogue.expert import Expert
from experts.discovery.discover import discover
from orchestrator.catalogue.service import CatalogueService
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings

_AUTHORS = frozenset({"seed:file", "seed:discovery"})
_MAX_FILE_BYTES = 10 * 1024 * 1024

Source = Literal["registry", "file", "discovery"]


@dataclass(frozen=True, slots=True)
class SeedReport:
    """Where the experts in the catalogue came from.

    Args:
        source: ``registry`` if an operator's catalogue was left as it is.
        findings: What was looked for and found or not, a sentence each.
    """

    source: Source
    findings: tuple[str, ...] = ()


async def seed(
    catalogue: CatalogueService, settings: Settings, environ: Mapping[str, str]
) -> SeedReport:
    """Bring a catalogue that no operator has changed in line with the file or the findings.

    Args:
        catalogue: Loaded.
        settings: Say whether there is a file, and whether to look around.
        environ: Where vendor keys are looked for.

    Raises:
        StartError: If the file cannot be read or holds a wrong entry.
    """
    # Whoever has put an expert in or taken one out keeps the last word.
    if await catalogue.authors() - _AUTHORS:
        return SeedReport("registry")
    if settings.experts_file is not None:
        experts = read_experts_file(settings.experts_file)
        try:
            await catalogue.apply(experts, by="seed:file", prune=True)
        except CatalogueInvalid as error:
            raise _wrong_entry(settings.experts_file, error) from error
        return SeedReport("file", (f"{len(experts)} experts from {settings.experts_file}",))
    if not settings.discover:
        return SeedReport("registry", ("not looked for experts: COE_DISCOVER is off",))
    return await _discovered(catalogue, settings, environ)


async def refresh_from_file(catalogue: CatalogueService, path: Path) -> None:
    """Bring a catalogue that no operator has changed in line with the file once more, if that has changed.

    Raises:
        StartError: If the file cannot be read or holds a wrong entry; the catalogue stays as it is.
    """
    if await catalogue.authors() - _AUTHORS:
        return
    experts = await asyncio.to_thread(read_experts_file, path)
    try:
        found = await catalogue.apply(experts, by="seed:file", prune=True, dry_run=True)
        if any(change.action != "unchanged" for change in found):
            await catalogue.apply(experts, by="seed:file", prune=True)
    except CatalogueInvalid as error:
        raise _wrong_entry(path, error) from error


async def _discovered(
    catalogue: CatalogueService, settings: Settings, environ: Mapping[str, str]
) -> SeedReport:
    found = await discover(environ, own_ports=(settings.port,))
    await catalogue.apply(found.experts, by="seed:discovery", prune=True)
    return SeedReport("discovery", tuple(map(str, found.findings)))


def read_experts_file(path: Path) -> Sequence[Expert]:
    """Read an ``experts.yaml``.

    Raises:
        StartError: Naming the file and, for a wrong entry, its field and the reason.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _MAX_FILE_BYTES:
            raise StartError(f"{path} is larger than {_MAX_FILE_BYTES} bytes.")
        return parse_document(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StartError(f"The experts file {path} cannot be read: {error}") from error
    except CatalogueInvalid as error:
        raise _wrong_entry(path, error) from error


def _wrong_entry(path: Path, error: CatalogueInvalid) -> StartError:
    return StartError(f"The experts file {path} holds a wrong entry. {error}")
