"""Items in Postgres: put in, taken under a lease, ended once, taken from the dead.

Many rows travel as one JSON document, which Postgres takes apart: one statement and one parameter for
hundreds of items, whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.record import Again, Item, Result, Row, request_id_of

_CLAIM = sa.text("""
    WITH due AS (
        SELECT number FROM job_items
        WHERE job_id = :job_id AND grp = :grp AND state = 'queued' AND due_at <= now()
            AND EXISTS (SELECT FROM jobs WHERE id = :job_id AND state = 'running')
        ORDER BY due_at, number LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE job_items AS item SET
        state = 'running', worker = :worker, epoch = item.epoch + 1, attempts = item.attempts + 1,
        started_at = coalesce(item.started_at, now())
    FROM due WHERE item.job_id = :job_id AND item.number = due.number
    RETURNING item.job_id, item.number, custom_id, grp AS "group", body, plan, calls, attempts,
        item.worker, item.epoch, item.started_at,
        set_config('synchronous_commit', 'off', true) AS not_waited_for
""")

_PUT = sa.text("""
    INSERT INTO job_items (job_id, number, custom_id, grp, body, plan)
    SELECT :job_id, number, custom_id, grp, body, plan
    FROM set_config('synchronous_commit', 'off', true), jsonb_to_recordset(CAST(:rows AS jsonb))
        AS given (number integer, custom_id text, grp text, body text, plan jsonb)
    ON CONFLICT DO NOTHING
""")

_END = sa.text("""
    UPDATE job_items AS item SET
        state = ended.state, worker = NULL, finished_at = now(), result = ended.result, calls = '[]',
        request_id = ended.request_id, error_code = ended.error_code,
        error_message = ended.error_message, cost_nanos = ended.cost_nanos
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS ended (
        job_id text, number integer, epoch integer, worker text, state text, result text,
        request_id text, error_code text, error_message text, cost_nanos bigint
    )
    WHERE item.job_id = ended.job_id COLLATE "C" AND item.number = ended.number
        AND item.epoch = ended.epoch AND item.state = 'running' AND item.worker = ended.worker
    RETURNING item.job_id, item.number, item.epoch
""")

_AGAIN = sa.text("""
    UPDATE job_items AS item SET
        state = 'queued', worker = NULL, calls = again.calls, error_code = again.error_code,
        error_message = again.error_message, due_at = now() + make_interval(secs => again.seconds),
        attempts = item.attempts - again.free
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS again (
        job_id text, number integer, epoch integer, worker text, seconds double precision, calls jsonb,
        error_code text, error_message text, free integer
    )
    WHERE item.job_id = again.job_id COLLATE "C" AND item.number = again.number
        AND item.epoch = again.epoch AND item.state = 'running' AND item.worker = again.worker
""")

_TAKE_BACK = sa.text("""
    UPDATE job_items SET
        state = 'queued', worker = NULL, epoch = epoch + 1,
        due_at = now() + make_interval(secs => CASE WHEN attempts < 3 THEN 0 ELSE attempts END)
    WHERE state = 'running' AND worker NOT IN (
        SELECT id FROM job_workers WHERE lease_until > now()
    )
""")

_UNDER_WAY = sa.text("""
    SELECT EXISTS (SELECT FROM job_items WHERE job_id = :job_id AND state = 'running')
""")

_DROP = sa.text("""
    WITH dropped AS (
        SELECT number FROM job_items
        WHERE job_id = :job_id AND state = 'queued' LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE job_items AS item SET
        state = :state, finished_at = now(), error_code = :code, error_message = :message,
        result = '{"id":"batch_req_' || md5(item.job_id || '/' || item.number) || '","custom_id":'
            || to_json(custom_id) || CAST(:told AS text)
    FROM dropped WHERE item.job_id = :job_id AND item.number = dropped.number
    RETURNING octet_length(result) + 1
""")

_REQUEUE = sa.text("""
    WITH again AS (
        UPDATE job_items SET
            state = 'queued', attempts = 0, started_at = NULL, finished_at = NULL, due_at = now(),
            epoch = epoch + 1, calls = '[]', request_id = NULL
        WHERE job_id = :job_id AND state = ANY (:states)
            AND (CAST(:code AS text) IS NULL OR error_code = :code)
        RETURNING octet_length(result) + 1 AS size, custom_id
    )
    SELECT count(*), coalesce(sum(size), 0) FROM again
""")

_LINES = sa.text("""
    SELECT number, result FROM job_items
    WHERE job_id = :job_id AND number > :after AND (state = 'ok') = :good AND result IS NOT NULL
        AND state NOT IN ('queued', 'running')
    ORDER BY number LIMIT :most
""")


async def put(connection: AsyncConnection, job_id: str, rows: Sequence[Row]) -> None:
    """Put items into a job; one that is there already stays as it is.

    This is not waited for until it is on disk: a crash of Postgres loses it together with the note of
    how far the putting was.

    Args:
        connection: In a transaction.
        job_id: The job.
        rows: Each with ``number``, ``custom_id``, ``grp``, ``body``, ``plan``.
    """
    await connection.execute(_PUT, {"job_id": job_id, "rows": _encoded(rows)})


async def claim(
    connection: AsyncConnection, job_id: str, group: str, worker: str, most: int
) -> list[Item]:
    """Take items of a group that are due, those that wait longest first.

    This is not waited for until it is on disk: what a crash of Postgres loses of it is taken again.

    Args:
        connection: In autocommit, since this is one statement.
        job_id: The job.
        group: The group.
        worker: Who takes them.
        most: How many at most.
    """
    values = {"job_id": job_id, "grp": group, "worker": worker, "most": most}
    rows = (await connection.execute(_CLAIM, values)).mappings()
    return sorted(map(_item, rows), key=lambda item: item.number)


async def end(connection: AsyncConnection, results: Sequence[Result]) -> set[tuple[str, int, int]]:
    """End items; returns job, number and epoch of those that were still held as they were taken."""
    rows = [
        {
            "job_id": one.item.job_id,
            "number": one.item.number,
            "epoch": one.item.epoch,
            "worker": one.item.worker,
            "state": one.state,
            "result": one.line,
            "request_id": one.item.request_id if one.record is not None else None,
            "error_code": one.error_code,
            "error_message": one.error_message,
            "cost_nanos": 0 if one.record is None else one.record.cost_nanos,
        }
        for one in results
    ]
    done = await connection.execute(_END, {"rows": _encoded(rows)})
    return {(row[0], row[1], row[2]) for row in done}


async def again(connection: AsyncConnection, given: Sequence[Again]) -> None:
    """Have items tried again; those that are not held any more as they were taken are left alone."""
    rows = [
        {
            "job_id": one.item.job_id,
            "number": one.item.number,
            "epoch": one.item.epoch,
            "worker": one.item.worker,
            "seconds": one.seconds,
            "calls": list(one.calls),
            "error_code": one.error_code,
            "error_message": one.error_message,
            "free": int(one.error_code is None),  # never tried, so this was no attempt
        }
        for one in given
    ]
    await connection.execute(_AGAIN, {"rows": _encoded(rows)})


async def take_back(connection: AsyncConnection) -> int:
    """Queue the items again whose worker is gone; returns how many."""
    return (await connection.execute(_TAKE_BACK)).rowcount


async def under_way(connection: AsyncConnection, job_id: str) -> bool:
    """Tell whether a worker has any item of a job."""
    return bool(await connection.scalar(_UNDER_WAY, {"job_id": job_id}))


async def drop(
    connection: AsyncConnection, job_id: str, state: str, code: str, message: str, most: int
) -> tuple[int, int]:
    """End items that nobody has begun; returns how many, and the bytes of what is said of them."""
    error = _encoded({"response": None, "error": {"code": code, "message": message}})
    values = {
        "job_id": job_id,
        "state": state,
        "code": code,
        "message": message,
        "told": f",{error[1:]}",
        "most": most,
    }
    sizes = list(await connection.scalars(_DROP, values))
    return len(sizes), sum(sizes)


async def requeue(
    connection: AsyncConnection, job_id: str, states: Sequence[str], code: str | None
) -> tuple[int, int]:
    """Queue ended items again; returns how many, and the bytes of what was said of them.

    Args:
        connection: In a transaction.
        job_id: The job.
        states: Which of them.
        code: Only those that failed with it.
    """
    values = {"job_id": job_id, "states": list(states), "code": code}
    row = (await connection.execute(_REQUEUE, values)).one()
    return int(row[0]), int(row[1])


async def lines(
    connection: AsyncConnection, job_id: str, *, good: bool, after: int, most: int
) -> list[tuple[int, str]]:
    """Return results in order of their items.

    Args:
        connection: To Postgres.
        job_id: The job.
        good: Those that were answered, or the others.
        after: Number of the item before.
        most: How many at most.
    """
    values = {"job_id": job_id, "good": good, "after": after, "most": most}
    return [(row[0], row[1]) for row in await connection.execute(_LINES, values)]


def _item(row: Any) -> Item:
    values = dict(row)
    started_at = values.pop("started_at")
    del values["not_waited_for"]
    return Item(**values, request_id=request_id_of(row["job_id"], row["number"], started_at))


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
