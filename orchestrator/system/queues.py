"""What waits to be done, and where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.jobs.tables import jobs, workers
from orchestrator.kit.queue import RunQueue
from orchestrator.runs.tables import deliveries, runs
from orchestrator.usage.journal import STREAM

_OPEN_RUNS = ("queued", "running", "waiting")
_ENDED_RUNS = ("cancelled", "failed", "finished")
_OPEN_JOBS = ("queued", "running", "cancelling")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in Postgres.

    Args:
        runs: Open runs by status.
        jobs: Open jobs by state.
        items: Items of open jobs that have not ended.
        oldest_run: Since when the run waits that has waited longest for a worker.
        oldest_job: The same of jobs.
        webhooks: Messages to webhooks that are due or will be.
        leases: By worker, until when it says that it is there.
    """

    runs: dict[str, int]
    jobs: dict[str, int]
    items: int
    oldest_run: datetime | None
    oldest_job: datetime | None
    webhooks: int
    leases: dict[str, datetime]


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """What waits in Redis.

    Args:
        messages: Runs that workers are told of.
        usage: Usage records not yet in Postgres.
    """

    messages: int
    usage: int


async def read_waiting(engine: AsyncEngine) -> Waiting:
    """Ask Postgres; each count goes by an index of what is open.

    Raises:
        SQLAlchemyError: If it does not answer.
    """
    async with engine.connect() as connection:
        by_run, oldest_run = await _runs(connection)
        by_job, items, oldest_job = await _jobs(connection)
        due = sa.select(sa.func.count()).where(deliveries.c.next_at.is_not(None))
        webhooks = await connection.scalar(due.select_from(deliveries))
        alive = sa.select(workers.c.id, workers.c.lease_until).where(
            workers.c.lease_until > sa.func.now()
        )
        leases = {row.id: row.lease_until for row in await connection.execute(alive)}
    return Waiting(by_run, by_job, items, oldest_run, oldest_job, webhooks or 0, leases)


async def _runs(connection: AsyncConnection) -> tuple[dict[str, int], datetime | None]:
    counted = await connection.execute(
        sa.select(runs.c.status, sa.func.count().label("many"), sa.func.min(runs.c.queued_at))
        .where(runs.c.status.not_in(_ENDED_RUNS))
        .group_by(runs.c.status)
    )
    found = {status: (many, oldest) for status, many, oldest in counted}
    counts = {status: found.get(status, (0, None))[0] for status in _OPEN_RUNS}
    return counts, found.get("queued", (0, None))[1]


async def _jobs(connection: AsyncConnection) -> tuple[dict[str, int], int, datetime | None]:
    ended = jobs.c.completed + jobs.c.failed + jobs.c.dropped
    left = sa.func.sum(sa.func.greatest(sa.func.coalesce(jobs.c.total, 0) - ended, 0))
    counted = await connection.execute(
        sa.select(jobs.c.state, sa.func.count(), left, sa.func.min(jobs.c.created_at))
        .where(jobs.c.state.in_(_OPEN_JOBS))
        .group_by(jobs.c.state)
    )
    found = {state: (many, items, oldest) for state, many, items, oldest in counted}
    counts = {state: found.get(state, (0, 0, None))[0] for state in _OPEN_JOBS}
    items = sum(int(items or 0) for _, items, _ in found.values())
    return counts, items, found.get("queued", (0, 0, None))[2]


async def read_on_the_way(redis: Redis, queue: RunQueue) -> OnTheWay:
    """Ask Redis.

    Raises:
        RedisError: If it does not answer.
    """
    usage = int(await redis.xlen(STREAM))
    return OnTheWay(await queue.waiting(), usage)
