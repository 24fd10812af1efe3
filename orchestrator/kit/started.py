"""What a start has come to, and what it leaves in the data directory for the command line of this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.kit.paths import write_private

ADMIN_KEY_FILE = "admin-key"
SERVER_FILE = "server.json"


@dataclass(frozen=True, slots=True)
class Started:
    """What is known once the service is ready.

    Args:
        url: Where it listens.
        new_key: The first admin key, if this start made it.
        findings: What was found to fill the catalogue with, a sentence each.
        experts: Ids of the experts in the catalogue.
        router: Version of the router in use.
        seconds: How long the start took.
        workers: Worker processes that serve; 1: this process itself.
    """

    url: str
    new_key: str | None
    findings: tuple[str, ...]
    experts: tuple[str, ...]
    router: str
    seconds: float
    workers: int = 1


OnReady = Callable[[Started], Awaitable[None]]


@contextmanager
def told(data_dir: Path, url: str) -> Iterator[None]:
    """Tell the command line on this machine where the service is, while it is there."""
    file = data_dir / SERVER_FILE
    write_private(file, json.dumps({"url": url, "pid": os.getpid()}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def local_admin_key(data_dir: Path) -> str | None:
    """Return the first admin key, as kept for the command line on this machine."""
    path = data_dir / ADMIN_KEY_FILE
    return path.read_text().strip() if path.exists() else None
