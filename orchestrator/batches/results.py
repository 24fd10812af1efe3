"""Files of results: lines of a batch's items, read from the items themselves. Nothing is stored twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.files import repository as files
from orchestrator.jobs import items
from orchestrator.jobs.record import Row

_LINES_AT_ONCE = 500
_OUTPUT, _ERRORS = "0", "1"


def output_file(job_id: str) -> str:
    """Return the id of the file of a batch's answers."""
    return f"file-{job_id.rpartition('_')[2]}{_OUTPUT}"


def error_file(job_id: str) -> str:
    """Return the id of the file of what was not answered."""
    return f"file-{job_id.rpartition('_')[2]}{_ERRORS}"


async def add_files(connection: AsyncConnection, job: Row) -> None:
    """Add the files of a batch that has ended, those that are not empty."""
    kinds = (
        (output_file(job["id"]), "output", job["output_bytes"]),
        (error_file(job["id"]), "error", job["error_bytes"]),
    )
    for file_id, name, size in kinds:
        row = {
            "id": file_id,
            "tenant": job["tenant"],
            "key_id": job["key_id"],
            "name": f"{job['id']}_{name}.jsonl",
            "purpose": "batch_output",
            "bytes": size,
            "job_id": job["id"],
        }
        if size:
            await files.add_result(connection, row)
        else:
            await files.delete(connection, file_id)


@dataclass(frozen=True, slots=True)
class ResultLines:
    """Reads such files.

    Args:
        engine: Postgres.
    """

    engine: AsyncEngine

    async def __call__(self, file: Row) -> AsyncIterator[bytes]:
        """Yield a file's lines, some hundreds at a time."""
        after, good = -1, file["id"].endswith(_OUTPUT)
        while True:
            async with self.engine.connect() as connection:
                lines = await items.lines(
                    connection, file["job_id"], good=good, after=after, most=_LINES_AT_ONCE
                )
            if not lines:
                return
            yield "".join(f"{line}\n" for _, line in lines).encode()
            after = lines[-1][0]
