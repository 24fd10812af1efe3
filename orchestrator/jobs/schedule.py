"""What is done every so often, by exactly one process at a time, with when it last was in Postgres.

Every worker looks. Whoever gets a task's lock does it if it is due and gives the lock back with the end
of the transaction, or with its own: no leader is elected, and none can be missing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from redis.exceptions import RedisError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.jobs.away import AWAY
from orchestrator.jobs.tables import schedule

_LONGEST_PAUSE = 5.0
_PROBLEM_CHARACTERS = 500
_NOW = sa.func.now()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done every so often.

    Args:
        name: Unique.
        every: Seconds between two beginnings.
        do: Does it; connections of its own, since the schedule's holds the lock.
    """

    name: str
    every: float
    do: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Does tasks when they are due.

    Args:
        engine: Postgres.
        tasks: All of them.
    """

    engine: AsyncEngine
    tasks: Sequence[Task]

    async def run(self) -> None:
        """Do what is due until cancelled; one task does not wait for another."""
        async with asyncio.TaskGroup() as group:
            for task in self.tasks:
                group.create_task(self._keep(task))

    async def once(self, task: Task) -> bool:
        """Do a task if it is due and nobody else does it; returns whether it was done."""
        async with self.engine.begin() as connection:
            lock = sa.func.pg_try_advisory_xact_lock(_lock_of(task))
            if not await connection.scalar(sa.select(lock)) or not await _due(connection, task):
                return False
            began = time.monotonic()
            problem: str | None = None
            try:
                await task.do()
            except (*AWAY, RedisError) as error:
                log.warning("%s waits: %s", task.name, error)
                problem = f"{type(error).__name__}: {error}"[:_PROBLEM_CHARACTERS]
            await _note(connection, task, time.monotonic() - began, problem)
        return problem is None

    async def _keep(self, task: Task) -> None:
        while True:
            try:
                await self.once(task)
            except AWAY as error:
                log.warning("%s cannot be looked after: %s", task.name, error)
            except Exception:
                log.exception("%s met a bug", task.name)
            await asyncio.sleep(min(task.every, _LONGEST_PAUSE))


def _lock_of(task: Task) -> sa.ColumnElement[int]:
    return sa.func.hashtextextended(f"scheduled: {task.name}", 0)


async def _due(connection: AsyncConnection, task: Task) -> bool:
    ago = sa.func.make_interval(0, 0, 0, 0, 0, 0, task.every * 0.9)  # looked at that often itself
    recent = sa.select(schedule.c.name).where(
        schedule.c.name == task.name, schedule.c.last_run > _NOW - ago
    )
    return await connection.scalar(recent) is None


async def _note(
    connection: AsyncConnection, task: Task, seconds: float, problem: str | None
) -> None:
    values = {"last_run": _NOW, "seconds": seconds, "problem": problem}
    if problem is None:
        values["last_success"] = _NOW
    statement = insert(schedule).values(name=task.name, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
