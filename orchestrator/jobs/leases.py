"""A worker's lease: one row and one statement for all that it has taken.

What a worker has taken carries its name. Once its lease has lapsed, others take that back; and a worker
that finds its lease gone drops everything, since nothing of it would be counted any more.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.tables import workers

_NOW = sa.func.now()
_FORGOTTEN_SECONDS = 3600.0


async def register(connection: AsyncConnection, worker: str, lease: float) -> None:
    """Begin a worker's lease of so many seconds."""
    values = {"id": worker, "started_at": _NOW, "lease_until": _until(lease)}
    statement = insert(workers).values(values)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"lease_until": _until(lease)})
    )


async def renew(connection: AsyncConnection, worker: str, lease: float) -> bool:
    """Renew a lease; returns whether it had not lapsed."""
    mine = sa.and_(workers.c.id == worker, workers.c.lease_until > _NOW)
    done = await connection.execute(
        sa.update(workers).where(mine).values(lease_until=_until(lease))
    )
    return done.rowcount > 0


async def give_up(connection: AsyncConnection, worker: str) -> None:
    """End a lease: whatever is left under it may be taken at once."""
    await connection.execute(sa.delete(workers).where(workers.c.id == worker))


async def forget(connection: AsyncConnection) -> None:
    """Delete leases that lapsed long ago."""
    old = workers.c.lease_until < _NOW - _interval(_FORGOTTEN_SECONDS)
    await connection.execute(sa.delete(workers).where(old))


def _until(seconds: float) -> Any:
    return _NOW + _interval(seconds)


def _interval(seconds: float) -> Any:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
