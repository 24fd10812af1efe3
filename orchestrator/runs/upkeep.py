"""Finds runs that nobody does, and forgets old ones. Every worker looks; one at a time acts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.runs import repository
from orchestrator.runs.service import Enqueue

_LOCK = 0x72756E  # "run"
_OVERDUE_SECONDS = 5.0
"""A run that is queued for so long while the queue is empty was lost on its way."""
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Looks after the runs.

    Args:
        engine: Postgres, which knows them all.
        enqueue: Tells the workers of a run.
        waiting: Counts what waits in the queue; it may be less than there should be.
        retention: Seconds that ended runs are kept.
    """

    engine: AsyncEngine
    enqueue: Enqueue
    waiting: Callable[[], Awaitable[int]]
    retention: float

    async def requeue(self) -> int:
        """Tell the workers of runs that nobody does; returns how many."""
        waiting = await self.waiting()
        async with self.engine.begin() as connection:
            if not await repository.try_lock(connection, _LOCK):
                return 0
            lost = await repository.release_lapsed(connection, _MOST_AT_ONCE)
            queued = await repository.queued(connection, _OVERDUE_SECONDS, _MOST_AT_ONCE)
            # A queue that holds as much as it should has lost nothing.
            if len(queued) > waiting:
                await repository.touch(connection, queued)
                lost += queued
        for run_id in lost:
            await self.enqueue(run_id)
        return len(lost)

    async def forget_old(self) -> int:
        """Delete what ended long ago; returns how many runs."""
        async with self.engine.begin() as connection:
            if not await repository.try_lock(connection, _LOCK):
                return 0
            old = await repository.outdated(connection, self.retention, _MOST_AT_ONCE)
            await repository.forget(connection, old)
        return len(old)
