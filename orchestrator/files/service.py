"""Uploads, reads and deletes files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.files import repository
from orchestrator.files.repository import Row
from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import uuid7
from orchestrator.tenants.keys import Principal, Role

CHUNK_BYTES = 1 << 20

ResultLines = Callable[[Row], AsyncIterator[bytes]]
"""Yields what a file that consists of a job's results says."""
InUse = Callable[[AsyncConnection, str], Awaitable[bool]]
"""Tells whether a job still needs a file."""


class FileUnknown(Exception):
    """The caller has no such file."""


class FileInUse(Exception):
    """A job still needs the file."""


@dataclass(frozen=True, slots=True)
class FileService:
    """Files of all tenants.

    Args:
        engine: Postgres.
        retention: Seconds that a file is kept unless it is deleted before.
        most_bytes: Of all that one tenant has uploaded.
        result_lines: Reads files of results.
        in_use: Tells which are needed.
    """

    engine: AsyncEngine
    retention: float
    most_bytes: int
    result_lines: ResultLines
    in_use: InUse

    async def upload(
        self,
        principal: Principal,
        name: str,
        purpose: str | Callable[[], str],
        blocks: AsyncIterator[bytes],
    ) -> Row:
        """Store a file as it comes; returns it once all of it is there.

        Args:
            principal: Whose it is.
            name: What it is called.
            purpose: What it is for, or what returns that once all of it is there.
            blocks: Its bytes.

        Raises:
            ApiError: 413 if the tenant would hold more than it may; whatever ``purpose`` raises.
        """
        async with self.engine.begin() as connection:
            room = self.most_bytes - await repository.held_bytes(connection, principal.tenant)
            row = _row(principal.tenant, principal.key_id, name, "")
            await repository.begin(connection, row, self.retention)
        async with self._deleted_if_not_written(row["id"]):
            size, lines = await self._write(row["id"], blocks, room)
            meant = purpose if isinstance(purpose, str) else purpose()
            async with self.engine.begin() as connection:
                return await repository.complete(connection, row["id"], size, lines, purpose=meant)

    async def make(self, job: Row, name: str, blocks: AsyncIterator[bytes]) -> tuple[str, int, int]:
        """Store a file that a job makes, which nobody sees until it is said to be complete.

        Returns:
            Its id, bytes and lines.
        """
        row = _row(job["tenant"], job["key_id"], name, repository.MADE)
        async with self.engine.begin() as connection:
            await repository.begin(connection, row, self.retention)
        async with self._deleted_if_not_written(row["id"]):
            return row["id"], *await self._write(row["id"], blocks, None)

    async def get(self, principal: Principal, file_id: str) -> Row:
        """Return a file.

        Raises:
            FileUnknown: If the caller has no such file.
        """
        async with self.engine.connect() as connection:
            row = await repository.get(connection, file_id, seen_by(principal))
        if row is None:
            raise FileUnknown(file_id)
        return row

    async def page(
        self,
        principal: Principal,
        *,
        limit: int,
        after: str | None,
        purpose: str | None,
        oldest_first: bool,
    ) -> list[Row]:
        """Return the caller's files in order of their making."""
        async with self.engine.connect() as connection:
            return await repository.page(
                connection,
                seen_by(principal),
                limit=limit,
                after=after,
                purpose=purpose,
                oldest_first=oldest_first,
            )

    def content(self, row: Row) -> AsyncIterator[bytes]:
        """Return a file's bytes, piece by piece."""
        if row["job_id"] is not None:
            return self.result_lines(row)
        return repository.pieces(self.engine, row["id"])

    async def delete(self, principal: Principal, file_id: str) -> None:
        """Delete a file.

        Raises:
            FileUnknown: If the caller has no such file.
            FileInUse: If a job still needs it.
        """
        await self.get(principal, file_id)
        async with self.engine.begin() as connection:
            if await self.in_use(connection, file_id):
                raise FileInUse(file_id)
            await repository.delete(connection, file_id)

    async def forget_old(self) -> None:
        """Delete files that are past their time."""
        async with self.engine.begin() as connection:
            await repository.forget(connection, 100)

    @asynccontextmanager
    async def _deleted_if_not_written(self, file_id: str) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            async with self.engine.begin() as connection:
                await repository.delete(connection, file_id)
            raise

    async def _write(
        self, file_id: str, blocks: AsyncIterator[bytes], room: int | None
    ) -> tuple[int, int]:
        size = lines = number = 0
        last = b""
        async for chunk in _chunks(blocks):
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk
            if room is not None and size > room:
                raise ApiError(
                    413,
                    "files_too_large",
                    f"Your tenant may keep {self.most_bytes} bytes of files (COE_FILES_BYTES). "
                    "Delete files that are no longer needed.",
                    param="file",
                )
            async with self.engine.begin() as connection:
                await repository.add_chunk(connection, file_id, number, chunk)
            number += 1
        return size, lines + (bool(last) and not last.endswith(b"\n"))


def seen_by(principal: Principal) -> str | None:
    """Return the tenant whose files a caller sees, ``None``: everybody's."""
    return None if principal.role is Role.ADMIN else principal.tenant


def _row(tenant: str, key_id: str, name: str, purpose: str) -> Row:
    return {
        "id": f"file-{uuid7().hex}",
        "tenant": tenant,
        "key_id": key_id,
        "name": name,
        "purpose": purpose,
    }


async def _chunks(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = bytearray()
    async for block in blocks:
        held += block
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)
