"""Files that jobs make: written while they work, there once they have ended, for operators alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.files import repository as files
from orchestrator.files.service import FileService
from orchestrator.jobs.record import Row


@dataclass(frozen=True, slots=True)
class MadeFiles:
    """The part of a kind that makes files.

    What ``result["files"]`` names is made visible in the transaction that ends the job: of a worker that died
    half-way nothing is seen, and what it wrote is deleted after a day.

    Args:
        files: Where they are kept.
    """

    files: FileService

    async def made(self, job: Row, name: str, blocks: AsyncIterator[bytes]) -> Row:
        """Write a file; returns what the job's result says of it."""
        file_id, size, lines = await self.files.make(job, f"{job['id']}_{name}", blocks)
        return {"name": name, "bytes": size, "lines": lines, "file_id": file_id}

    async def ended(self, connection: AsyncConnection, job: Row) -> None:
        """Make the files visible."""
        for made in (job["result"] or {}).get("files", ()):
            await files.complete(connection, made["file_id"], made["bytes"], made["lines"])


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield all of a file at once."""
    yield data
