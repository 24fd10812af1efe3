"""Looks after jobs and items: those of dead workers, those past their time, those that are stopped, old ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import ending, items, leases, repository
from orchestrator.jobs.kinds import Kinds

_MOST_AT_ONCE = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Looks after them; one process at a time (:mod:`orchestrator.jobs.schedule`).

    Args:
        engine: Postgres.
        kinds: What the end of each kind of job brings.
        retention: Seconds that ended jobs are kept.
    """

    engine: AsyncEngine
    kinds: Kinds
    retention: float

    async def look(self) -> None:
        """Take back what dead workers had, and end what is to be ended."""
        async with self.engine.begin() as connection:
            taken_back = await items.take_back(connection)
        if taken_back:
            log.info("%d items of workers that are gone were queued again", taken_back)
        async with self.engine.begin() as connection:
            for job_id in await repository.overdue(connection, _MOST_AT_ONCE):
                await repository.stop(connection, job_id, "expired")
        async with self.engine.begin() as connection:
            for job_id in await repository.all_done(connection, _MOST_AT_ONCE):
                await ending.finish(connection, job_id, self.kinds)
        await self.end_stopped()

    async def end_stopped(self) -> None:
        """End the jobs that are being stopped, as far as that can be done now."""
        async with self.engine.connect() as connection:
            stopping = await repository.stopping(connection, _MOST_AT_ONCE)
        for job in stopping:
            async with self.engine.begin() as connection:
                await ending.stop(connection, job, self.kinds)

    async def forget_old(self) -> None:
        """Delete jobs that ended long ago, and leases of workers that are long gone."""
        async with self.engine.begin() as connection:
            await leases.forget(connection)
        async with self.engine.begin() as connection:
            gone = await repository.forget(connection, self.retention, _MOST_AT_ONCE)
        if gone:
            log.info("%d jobs ended long ago and were deleted", gone)
