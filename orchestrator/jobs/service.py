"""What callers and operators do with jobs of any kind: list, show, cancel, requeue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import ending, items, listing, repository, timetable
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.listing import Wanted
from orchestrator.jobs.record import ENDED, Row
from orchestrator.jobs.tables import items as item_table

CHANNEL = "coe:jobs"
"""Redis channel over which workers are told to look; what is lost on it, they find within seconds."""


class TaskUnknown(Exception):
    """There is no such scheduled task."""


Tell = Callable[[], Awaitable[None]]


class JobUnknown(Exception):
    """There is no such job."""


class JobEnded(Exception):
    """The job has ended already; says how."""


class JobNotEnded(Exception):
    """The job goes on, or was never begun; says how it is."""


@dataclass(frozen=True, slots=True)
class JobService:
    """Jobs of all tenants.

    Args:
        engine: Postgres.
        kinds: What the end of each kind brings.
        tell: Tells the workers to look; must not raise.
    """

    engine: AsyncEngine
    kinds: Kinds
    tell: Tell

    async def add(self, row: Row, seconds: float | None) -> Row:
        """Store a job and tell the workers; see :func:`orchestrator.jobs.repository.add`."""
        async with self.engine.begin() as connection:
            stored = await repository.add(connection, row, seconds)
        await self.tell()
        return stored

    async def get(self, job_id: str, tenant: str | None, kind: str | None = None) -> Row:
        """Return a job.

        Raises:
            JobUnknown: If a tenant has no such job.
        """
        async with self.engine.connect() as connection:
            row = await repository.get(connection, job_id, tenant, kind=kind)
        return _known(row, job_id)

    async def page(self, wanted: Wanted, *, limit: int, after: str | None = None) -> list[Row]:
        """Return jobs in the order that is wanted."""
        async with self.engine.connect() as connection:
            return await listing.page(connection, wanted, limit=limit, after=after)

    async def failures(self, job_id: str) -> list[Row]:
        """Return why items of a job failed, the most frequent reason first."""
        code, told = item_table.c.error_code, item_table.c.error_message
        query = (
            sa.select(code, sa.func.count().label("items"), sa.func.max(told).label("example"))
            .where(item_table.c.job_id == job_id, item_table.c.state == "failed")
            .group_by(code)
            .order_by(sa.desc("items"), code)
        )
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def cancel(self, job_id: str, tenant: str | None, kind: str | None = None) -> Row:
        """Have no more items of a job begun; those under way end. Once more changes nothing.

        Raises:
            JobUnknown: If a tenant has no such job.
            JobEnded: If it has ended.
        """
        async with self.engine.begin() as connection:
            row = _known(
                await repository.get(connection, job_id, tenant, kind=kind, lock=True), job_id
            )
            if row["state"] in ENDED:
                raise JobEnded(row["state"])
            row = await repository.stop(connection, job_id, "cancelled") or row
            # Where nobody is at it, there is nothing to wait for.
            row = await ending.stop(connection, row, self.kinds) or row
        await self.tell()
        return row

    async def requeue(
        self, job_id: str, tenant: str | None, *, code: str | None, dropped: bool
    ) -> tuple[int, Row]:
        """Have failed items of an ended job tried again; returns how many, and the job.

        Args:
            job_id: The job.
            tenant: Whose; ``None``: any.
            code: Only items that failed with it.
            dropped: Also those that were never begun.

        Raises:
            JobUnknown: If a tenant has no such job.
            JobNotEnded: If it has not ended, or never had items and is not to be had again as a whole.
        """
        async with self.engine.begin() as connection:
            row = _known(await repository.get(connection, job_id, tenant, lock=True), job_id)
            kind = self.kinds.get(row["kind"])
            whole = not row["prepared"] and kind is not None and kind.restarts
            if row["state"] not in ENDED or not (row["prepared"] or whole):
                raise JobNotEnded(row["state"])
            failed, size = await items.requeue(connection, job_id, ["failed"], code)
            unbegun, more = 0, 0
            if dropped:
                unbegun, more = await items.requeue(
                    connection, job_id, ["cancelled", "expired"], None
                )
            if failed + unbegun or whole:
                counts = {
                    "failed": row["failed"] - failed,
                    "dropped": row["dropped"] - unbegun,
                    "error_bytes": row["error_bytes"] - size - more,
                    "deadline": _extended(row),
                }
                row = await repository.resume(connection, job_id, counts) or row
        await self.tell()
        return failed + unbegun, row

    async def scheduled(self) -> list[Row]:
        """Return what is done every so often, with how it went the last time."""
        async with self.engine.connect() as connection:
            return await timetable.tasks(connection)

    async def want(self, name: str) -> Row:
        """Have a scheduled task done at once; returns it.

        Raises:
            TaskUnknown: If there is none of that name.
        """
        async with self.engine.begin() as connection:
            if not await timetable.want(connection, name):
                raise TaskUnknown(name)
            [row] = [one for one in await timetable.tasks(connection) if one["name"] == name]
        await self.tell()
        return row


def _extended(row: Row) -> Any:
    """Return a deadline as far away as the job's was when it was made."""
    if row["deadline"] is None:
        return None
    return sa.func.now() + sa.literal(row["deadline"] - row["created_at"])


def _known(row: Row | None, job_id: str) -> Row:
    if row is None:
        raise JobUnknown(job_id)
    return row
