"""Experts for commands that call them from here: those of a file, or of the service's catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import catalogue_file
from orchestrator.cli.connection import connected

if TYPE_CHECKING:
    from experts.catalogue.expert import Expert


def entries(path: Path | None, url: str | None, key: str | None) -> list[Expert]:
    """Return the entries of experts.

    Args:
        path: A catalogue file; ``None``: the service is asked.
        url: Of the service.
        key: For the service.

    Raises:
        FileInvalid: If the file is no catalogue.
        CatalogueInvalid: If an entry is wrong.
    """
    from experts.catalogue.entries import parse_entries

    if path is not None:
        return list(parse_entries(catalogue_file.read(path.read_bytes())))
    with connected(url, key) as client:
        found = [
            record.expert.model_dump(mode="json", exclude_unset=True)
            for record in client.experts.list()
        ]
    return list(parse_entries(found))
