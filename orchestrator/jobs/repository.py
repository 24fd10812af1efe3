"""Jobs in Postgres: every change of their state is one statement that says from which it leads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.fairness import Waiting
from orchestrator.jobs.record import Row
from orchestrator.jobs.tables import jobs, workers

NOW = sa.func.now()
"""When the transaction began."""
_ALL_ENDED = sa.and_(
    jobs.c.prepared, jobs.c.completed + jobs.c.failed + jobs.c.dropped >= jobs.c.total
)
_ALIVE = sa.select(workers.c.id).where(workers.c.lease_until > NOW)

_WAITING = sa.text("""
    SELECT job.id AS job_id, wanted.grp AS "group", tenant, priority, created_at,
        waits_for IS NOT NULL AS held_up
    FROM jobs AS job CROSS JOIN LATERAL unnest(groups) AS wanted (grp)
    WHERE state = 'running' AND EXISTS (
        SELECT FROM job_items AS item
        WHERE item.job_id = job.id AND item.grp = wanted.grp AND item.state = 'queued'
            AND due_at <= now()
    )
""")

_COUNT = sa.text("""
    UPDATE jobs SET
        completed = completed + more.ok, failed = failed + more.not_ok,
        prompt_tokens = prompt_tokens + more.read, completion_tokens = completion_tokens + more.written,
        cost_nanos = cost_nanos + more.nanos, output_bytes = output_bytes + more.output,
        error_bytes = error_bytes + more.error
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS more (
        job_id text, ok bigint, not_ok bigint, read bigint, written bigint, nanos bigint,
        output bigint, error bigint
    )
    WHERE jobs.id = more.job_id COLLATE "C"
    RETURNING id, prepared AND completed + failed + dropped >= total AS whole
""")


# For those who ask


async def add(connection: AsyncConnection, row: Row, seconds: float | None) -> Row:
    """Store a new job, queued.

    Args:
        connection: In a transaction.
        row: Its ``id``, ``kind``, ``tenant``, ``key_id``, ``payload``, ``metadata`` and whatever else
            is known of it.
        seconds: Until its deadline; ``None``: it has none.
    """
    deadline = None if seconds is None else NOW + _seconds(seconds)
    values = {**row, "deadline": deadline}
    stored = await connection.execute(sa.insert(jobs).values(values).returning(jobs))
    return dict(stored.mappings().one())


async def get(
    connection: AsyncConnection,
    job_id: str,
    tenant: str | None,
    *,
    kind: str | None = None,
    lock: bool = False,
) -> Row | None:
    """Return a job of a tenant; ``None`` as the tenant: of any.

    Args:
        connection: To Postgres.
        job_id: The job.
        tenant: Whose.
        kind: Only if it is of this kind.
        lock: Keep everybody else from changing it until the transaction ends.
    """
    query = _of(tenant, kind).where(jobs.c.id == job_id)
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def stop(connection: AsyncConnection, job_id: str, ending: str) -> Row | None:
    """Have no more items of a job begun; ``None`` if it has ended or is being stopped already.

    Args:
        connection: In a transaction.
        job_id: The job.
        ending: State that it ends in once none is under way: ``cancelled``, ``expired``, ``failed``.
    """
    return await _changed(
        connection,
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(["queued", "running"]))
        .values(state="cancelling", ending=ending, cancelling_at=NOW, waits_for=None),
    )


async def resume(connection: AsyncConnection, job_id: str, values: Row) -> Row | None:
    """Set an ended job running again, with other counts; ``None`` if it has not ended.

    A kind that keeps something has a turn when the items have ended once more.
    """
    return await _changed(
        connection,
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.finished_at.is_not(None))
        .values(
            **values,
            again=jobs.c.prepared & jobs.c.kept.is_not(None),
            losses=0,
            state="running",
            ending=None,
            cancelling_at=None,
            finished_at=None,
            error_code=None,
            error_message=None,
        ),
    )


# For workers


async def take(
    connection: AsyncConnection, worker: str, kinds: Collection[str], mine: Collection[str]
) -> Row | None:
    """Take a job that is to be brought forward and that no living worker has, the oldest first.

    Args:
        connection: In a transaction.
        worker: Who takes it.
        kinds: Those that it can do now.
        mine: Jobs that it is at: what else is under its name was cut short.
    """
    lost = sa.and_(jobs.c.worker.is_not(None), jobs.c.worker.not_in(_ALIVE))
    left = sa.and_(jobs.c.worker == worker, jobs.c.id.not_in(list(mine)))
    chosen = (
        sa.select(jobs.c.id)
        .where(
            jobs.c.kind.in_(sorted(kinds)),
            jobs.c.state.in_(["queued", "running"]),
            ~jobs.c.prepared,
            sa.or_(jobs.c.worker.is_(None), lost, left),
        )
        .order_by(jobs.c.priority.desc(), jobs.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return await _changed(
        connection,
        sa.update(jobs)
        .where(jobs.c.id == chosen)
        .values(
            worker=worker,
            epoch=jobs.c.epoch + 1,
            losses=jobs.c.losses + sa.case((lost, 1), else_=0),
        ),
    )


async def held(connection: AsyncConnection, worker: str, ids: Sequence[str]) -> frozenset[str]:
    """Return those of some jobs that a worker still has, and that are not being stopped."""
    still = sa.and_(
        jobs.c.id.in_(list(ids)),
        jobs.c.worker == worker,
        jobs.c.state.in_(["queued", "running"]),
    )
    return frozenset(await connection.scalars(sa.select(jobs.c.id).where(still)))


async def note(connection: AsyncConnection, taken: Row, **values: Any) -> Row | None:
    """Store how far the preparing is; ``None`` if it is not this worker's any more, or stopped.

    Args:
        connection: In a transaction.
        taken: The job as it was taken.
        values: What there is to be stored.
    """
    mine = sa.and_(
        jobs.c.id == taken["id"],
        jobs.c.worker == taken["worker"],
        jobs.c.epoch == taken["epoch"],
        jobs.c.state.in_(["queued", "running"]),
    )
    return await _changed(connection, sa.update(jobs).where(mine).values(**values))


async def let_go(connection: AsyncConnection, worker: str) -> None:
    """Leave the jobs that a worker prepares to others."""
    await connection.execute(sa.update(jobs).where(jobs.c.worker == worker).values(worker=None))


async def waiting(connection: AsyncConnection) -> list[Waiting]:
    """Return the jobs and groups of which items are due."""
    return [Waiting(**row) for row in (await connection.execute(_WAITING)).mappings()]


async def wait_for(connection: AsyncConnection, job_id: str, reason: str | None) -> None:
    """Note what a job waits for; ``None``: nothing any more."""
    await connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(waits_for=reason))


async def explain(connection: AsyncConnection, job_id: str, code: str, message: str) -> None:
    """Note why a job is stopped."""
    await connection.execute(
        sa.update(jobs).where(jobs.c.id == job_id).values(error_code=code, error_message=message)
    )


async def count(connection: AsyncConnection, rows: Sequence[Row]) -> list[str]:
    """Add results to the counts of their jobs; returns the jobs that may be done now.

    Args:
        connection: In the transaction that ends the items.
        rows: Each with ``job_id``, ``ok``, ``not_ok``, ``read``, ``written`` (tokens), ``nanos``,
            ``output`` and ``error`` (bytes).
    """
    ordered = sorted(rows, key=lambda row: str(row["job_id"]))  # all workers lock in this order
    counted = await connection.execute(_COUNT, {"rows": msgspec.json.encode(ordered).decode()})
    return [row.id for row in counted if row.whole]


async def finish(connection: AsyncConnection, job_id: str) -> Row | None:
    """End a job all of whose items have ended; ``None`` if it has not come to that.

    Where it is its kind's turn once more then, it is that.
    """
    whole = sa.and_(jobs.c.id == job_id, jobs.c.state == "running", _ALL_ENDED)
    row = await _changed(
        connection,
        sa.update(jobs)
        .where(whole, ~jobs.c.again)
        .values(state="finished", finished_at=NOW, worker=None, waits_for=None),
    )
    if row is None:
        once_more = sa.update(jobs).where(whole, jobs.c.again)
        await connection.execute(once_more.values(prepared=False, again=False, worker=None))
    return row


async def end(connection: AsyncConnection, job_id: str, dropped: int, size: int) -> Row | None:
    """End a job that was stopped, in the state that was meant; none of its items is under way.

    Args:
        connection: In a transaction.
        job_id: The job.
        dropped: How many items were ended without being done, just now.
        size: Bytes of what is said of them.
    """
    return await _changed(
        connection,
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == "cancelling")
        .values(
            state=jobs.c.ending,
            finished_at=NOW,
            worker=None,
            dropped=jobs.c.dropped + dropped,
            error_bytes=jobs.c.error_bytes + size,
        ),
    )


async def add_dropped(connection: AsyncConnection, job_id: str, dropped: int, size: int) -> None:
    """Count items of a job that is being stopped and that were ended without being done."""
    await connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id)
        .values(dropped=jobs.c.dropped + dropped, error_bytes=jobs.c.error_bytes + size)
    )


# For upkeep


async def overdue(connection: AsyncConnection, limit: int) -> list[str]:
    """Return jobs whose deadline is over."""
    query = (
        sa.select(jobs.c.id)
        .where(jobs.c.state.in_(["queued", "running"]), jobs.c.deadline < NOW)
        .limit(limit)
    )
    return list(await connection.scalars(query))


async def all_done(connection: AsyncConnection, limit: int) -> list[str]:
    """Return running jobs all of whose items have ended."""
    query = sa.select(jobs.c.id).where(jobs.c.state == "running", _ALL_ENDED).limit(limit)
    return list(await connection.scalars(query))


async def stopping(connection: AsyncConnection, limit: int) -> list[Row]:
    """Return jobs that are being stopped."""
    query = sa.select(jobs).where(jobs.c.state == "cancelling").order_by(jobs.c.cancelling_at)
    return [dict(row) for row in (await connection.execute(query.limit(limit))).mappings()]


async def forget(connection: AsyncConnection, seconds: float, limit: int) -> int:
    """Delete jobs with their items that ended longer ago than this; returns how many."""
    old = sa.select(jobs.c.id).where(jobs.c.finished_at < NOW - _seconds(seconds)).limit(limit)
    return (await connection.execute(sa.delete(jobs).where(jobs.c.id.in_(old)))).rowcount


def _of(tenant: str | None, kind: str | None) -> sa.Select[Any]:
    query = sa.select(jobs)
    if tenant is not None:
        query = query.where(jobs.c.tenant == tenant)
    return query if kind is None else query.where(jobs.c.kind == kind)


async def _changed(connection: AsyncConnection, statement: sa.Update) -> Row | None:
    row = (await connection.execute(statement.returning(jobs))).mappings().first()
    return dict(row) if row else None


def _seconds(value: float) -> Any:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, value)
