"""Files in Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.files.tables import chunks, files

_NOW = sa.func.now()
MADE = "job_output"
"""The purpose of files that jobs of operators make: tenants see none of them."""
Row = dict[str, Any]


async def begin(connection: AsyncConnection, row: Row, seconds: float) -> None:
    """Begin a file, which nobody sees until it is complete.

    Args:
        connection: In a transaction.
        row: Its ``id``, ``tenant``, ``key_id``, ``name``, ``purpose``.
        seconds: Until it is deleted.
    """
    await connection.execute(sa.insert(files).values(**row, expires_at=_later(seconds)))


async def add_chunk(connection: AsyncConnection, file_id: str, number: int, data: bytes) -> None:
    """Add a piece."""
    values = {"file_id": file_id, "number": number, "data": data}
    await connection.execute(sa.insert(chunks).values(values))


async def complete(
    connection: AsyncConnection, file_id: str, size: int, lines: int, **more: str
) -> Row:
    """Make a file visible; returns it."""
    statement = (
        sa.update(files)
        .where(files.c.id == file_id)
        .values(bytes=size, lines=lines, complete=True, **more)
        .returning(files)
    )
    return dict((await connection.execute(statement)).mappings().one())


async def add_result(connection: AsyncConnection, row: Row) -> None:
    """Add a file that consists of results of a job, or say its new size."""
    found = await connection.execute(
        sa.update(files).where(files.c.id == row["id"]).values(bytes=row["bytes"])
    )
    if found.rowcount == 0:
        await connection.execute(sa.insert(files).values(**row, complete=True))


async def get(connection: AsyncConnection, file_id: str, tenant: str | None) -> Row | None:
    """Return a file of a tenant; ``None`` as the tenant: of any."""
    query = sa.select(files).where(files.c.id == file_id, files.c.complete)
    if tenant is not None:
        query = query.where(*_of(tenant))
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def page(
    connection: AsyncConnection,
    tenant: str | None,
    *,
    limit: int,
    after: str | None,
    purpose: str | None,
    oldest_first: bool,
) -> list[Row]:
    """Return files in order of their making; ids sort by that."""
    order = files.c.id if oldest_first else files.c.id.desc()
    query = sa.select(files).where(files.c.complete).order_by(order).limit(limit)
    if tenant is not None:
        query = query.where(*_of(tenant))
    if after is not None:
        query = query.where(files.c.id > after if oldest_first else files.c.id < after)
    if purpose is not None:
        query = query.where(files.c.purpose == purpose)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def delete(connection: AsyncConnection, file_id: str) -> None:
    """Delete a file with its pieces."""
    await connection.execute(sa.delete(files).where(files.c.id == file_id))


async def held_bytes(connection: AsyncConnection, tenant: str) -> int:
    """Return the bytes of what a tenant has uploaded and not deleted."""
    query = sa.select(sa.func.coalesce(sa.func.sum(files.c.bytes), 0)).where(
        *_of(tenant), files.c.job_id.is_(None)
    )
    return int(await connection.scalar(query) or 0)


async def pieces(engine: AsyncEngine, file_id: str) -> AsyncIterator[bytes]:
    """Yield a file's bytes, piece by piece; no transaction is kept open in between."""
    number = 0
    query = sa.select(chunks.c.data).where(chunks.c.file_id == file_id)
    while True:
        async with engine.connect() as connection:
            data = await connection.scalar(query.where(chunks.c.number == number))
        if data is None:
            return
        yield bytes(data)
        number += 1


async def forget(connection: AsyncConnection, limit: int) -> int:
    """Delete files that are past their time, and what was never completed; returns how many."""
    unfinished = sa.and_(~files.c.complete, files.c.created_at < _NOW - _interval(86_400.0))
    old = sa.or_(files.c.expires_at < _NOW, unfinished)
    some = sa.select(files.c.id).where(old).limit(limit)
    return (await connection.execute(sa.delete(files).where(files.c.id.in_(some)))).rowcount


def _of(tenant: str) -> tuple[sa.ColumnElement[bool], ...]:
    return files.c.tenant == tenant, files.c.purpose != MADE


def _later(seconds: float) -> Any:
    return _NOW + _interval(seconds)


def _interval(seconds: float) -> Any:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
