"""The schedule in Postgres: a row a task, taken by one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.record import Row
from orchestrator.jobs.tables import schedule

_NOW = sa.func.now()

_TAKE = sa.text("""
    WITH due AS (
        SELECT name FROM schedule
        WHERE name = ANY (:names) AND (lease_until IS NULL OR lease_until < now()) AND (
            wanted_at IS NOT NULL OR last_run IS NULL
            OR last_run <= now() - make_interval(secs => every * :soon)
        )
        FOR UPDATE SKIP LOCKED
    )
    UPDATE schedule AS task SET
        last_run = now(), wanted_at = NULL, holder = :holder,
        lease_until = now() + make_interval(secs => :lease)
    FROM due WHERE task.name = due.name
    RETURNING task.name
""")

_LIST = sa.text("""
    SELECT name, every, last_run, last_success, seconds, problem,
        coalesce(lease_until > now(), false) AS running, wanted_at IS NOT NULL AS wanted,
        CASE WHEN wanted_at IS NOT NULL THEN wanted_at
            ELSE coalesce(last_run + make_interval(secs => every), now()) END AS next_run
    FROM schedule WHERE every IS NOT NULL ORDER BY name
""")


async def register(connection: AsyncConnection, tasks: Mapping[str, float]) -> None:
    """Have a row for each task, with how often it is done.

    Args:
        connection: In a transaction.
        tasks: Seconds between two beginnings, by name.
    """
    rows = [{"name": name, "every": tasks[name]} for name in sorted(tasks)]
    statement = insert(schedule).values(rows)
    changed = {"every": statement.excluded.every}
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_=changed,
            where=schedule.c.every.is_distinct_from(statement.excluded.every),
        )
    )


async def take(
    connection: AsyncConnection, names: Sequence[str], holder: str, lease: float, soon: float
) -> frozenset[str]:
    """Take the tasks that are due, or wanted at once, and that nobody does.

    Args:
        connection: In a transaction.
        names: Tasks that may be taken.
        holder: Who takes them.
        lease: Seconds until they may be taken over, unless that is renewed.
        soon: Part of its time after which a task is due.
    """
    values = {"names": list(names), "holder": holder, "lease": lease, "soon": soon}
    return frozenset(await connection.scalars(_TAKE, values))


async def renew(connection: AsyncConnection, name: str, holder: str, lease: float) -> None:
    """Hold a task for longer."""
    later = _NOW + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease)
    await connection.execute(_of(name, holder).values(lease_until=later))


async def note(
    connection: AsyncConnection, name: str, holder: str, seconds: float, problem: str | None
) -> None:
    """Say how a task went, and let go of it.

    Args:
        connection: In a transaction.
        name: Of the task.
        holder: Who has done it.
        seconds: It took.
        problem: What went wrong; ``None``: nothing.
    """
    values: Row = {"seconds": seconds, "problem": problem, "holder": None, "lease_until": None}
    if problem is None:
        values["last_success"] = _NOW
    await connection.execute(_of(name, holder).values(values))


async def tasks(connection: AsyncConnection) -> list[Row]:
    """Return all tasks in the order of their names, with when each is due next."""
    return [dict(row) for row in (await connection.execute(_LIST)).mappings()]


async def want(connection: AsyncConnection, name: str) -> bool:
    """Have a task done at once, or once more if it is being done; returns whether there is such a task."""
    known = sa.and_(schedule.c.name == name, schedule.c.every.is_not(None))
    done = await connection.execute(sa.update(schedule).where(known).values(wanted_at=_NOW))
    return done.rowcount > 0


def _of(name: str, holder: str) -> Any:
    return sa.update(schedule).where(schedule.c.name == name, schedule.c.holder == holder)
