"""Runs in Postgres: every change of their state is one statement that says from which state it leads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.runs.record import Status
from orchestrator.runs.tables import runs, steps

_NOW = sa.func.now()
Row = dict[str, Any]


def _seconds(value: float) -> Any:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, value)


def _since(moment: Any) -> Any:
    return sa.func.extract("epoch", _NOW - moment)


# For those who ask


async def add(connection: AsyncConnection, row: Row, inherited: Sequence[Row] = ()) -> Row:
    """Store a new run, queued, with the steps it takes over."""
    values = {**row, "status": "queued"}
    stored = await connection.execute(sa.insert(runs).values(values).returning(runs))
    if inherited:
        await connection.execute(sa.insert(steps), [dict(each) for each in inherited])
    return dict(stored.mappings().one())


async def get(connection: AsyncConnection, run_id: str, tenant: str | None) -> Row | None:
    """Return a run of a tenant; ``None`` as the tenant: of any."""
    query = sa.select(runs).where(runs.c.id == run_id)
    if tenant is not None:
        query = query.where(runs.c.tenant == tenant)
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def steps_of(connection: AsyncConnection, run_id: str, *, since: int = 0) -> list[Row]:
    """Return the steps of a run in order, those with an event after a number."""
    query = (
        sa.select(steps)
        .where(steps.c.run_id == run_id, sa.func.greatest(steps.c.begun, steps.c.ended) > since)
        .order_by(steps.c.number, steps.c.key)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


_PAID = sa.and_(
    # One that is under way or was given up has had a prompt read; one that waits has not.
    sa.or_(steps.c.ended.is_not(None), steps.c.prompt_tokens + steps.c.completion_tokens > 0),
    steps.c.expert != "",
    steps.c.reused_from == "",
    ~steps.c.inherited,
)
_SUMMED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


async def calls(connection: AsyncConnection, run_id: str) -> list[Row]:
    """Return what a run has paid for, by version of an expert, as a usage record lists calls."""
    # A step's money was made of whole nanodollars, and is those again.
    nanos = sa.cast(sa.func.round(sa.cast(steps.c.usd, sa.Numeric) * 1_000_000_000), sa.BigInteger)
    query = (
        sa.select(
            steps.c.expert,
            steps.c.expert_version.label("version"),
            sa.func.count().label("calls"),
            *(sa.func.sum(steps.c[name]).label(name) for name in _SUMMED),
            sa.func.bool_or(steps.c.tokens_estimated).label("tokens_estimated"),
            sa.func.sum(nanos).label("cost_nanos"),
        )
        .where(steps.c.run_id == run_id, _PAID)
        .group_by(steps.c.expert, steps.c.expert_version)
        .order_by(steps.c.expert, steps.c.expert_version)
    )
    whole = (*_SUMMED, "cost_nanos")
    rows = (await connection.execute(query)).mappings()
    return [{**row, **{name: int(row[name]) for name in whole}} for row in rows]


async def spent(connection: AsyncConnection, run_ids: Iterable[str]) -> dict[str, Row]:
    """Return what runs have used so far: of each step that was paid for in it, once."""
    paid = _PAID
    query = (
        sa.select(
            steps.c.run_id,
            sa.func.count().filter(paid).label("calls"),
            sa.func.coalesce(sa.func.sum(steps.c.prompt_tokens).filter(paid), 0).label(
                "prompt_tokens"
            ),
            sa.func.coalesce(sa.func.sum(steps.c.completion_tokens).filter(paid), 0).label(
                "completion_tokens"
            ),
            sa.func.coalesce(sa.func.sum(steps.c.usd).filter(paid), 0.0).label("usd"),
        )
        .where(steps.c.run_id.in_(list(run_ids)))
        .group_by(steps.c.run_id)
    )
    rows = (await connection.execute(query)).mappings()
    return {row["run_id"]: {name: row[name] for name in NOTHING} for row in rows}


NOTHING: Row = {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
"""What a run has used that has done nothing yet."""


async def locked(connection: AsyncConnection, run_id: str, tenant: str | None) -> Row | None:
    """Return a run and keep everybody else from changing it until the transaction ends."""
    query = sa.select(runs).where(runs.c.id == run_id).with_for_update()
    if tenant is not None:
        query = query.where(runs.c.tenant == tenant)
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def ask_to_cancel(connection: AsyncConnection, run_id: str) -> None:
    """Have the worker of a run give it up."""
    await connection.execute(sa.update(runs).where(runs.c.id == run_id).values(cancelling=True))


async def allow(connection: AsyncConnection, run_id: str, key: str, by: str) -> None:
    """Allow a step that waits."""
    await connection.execute(
        sa.update(steps).where(steps.c.run_id == run_id, steps.c.key == key).values(allowed_by=by)
    )


async def refuse(connection: AsyncConnection, run_id: str, key: str, reason: str) -> int:
    """End a step that waits as failed; returns the number of the event that says so."""
    last = sa.select(sa.func.max(sa.func.greatest(steps.c.begun, steps.c.ended)))
    number: int = await connection.scalar(last.where(steps.c.run_id == run_id)) or 0
    next_number = sa.select(sa.func.max(steps.c.number)).where(steps.c.run_id == run_id)
    place: int = await connection.scalar(next_number) or 0
    await connection.execute(
        sa.update(steps)
        .where(steps.c.run_id == run_id, steps.c.key == key)
        .values(status="failed", output=reason, ended=number + 1, number=place + 1)
    )
    return number + 1


async def undecided(connection: AsyncConnection, run_id: str) -> list[str]:
    """Return the keys of the steps that still wait for somebody to allow them."""
    query = sa.select(steps.c.key).where(
        steps.c.run_id == run_id, steps.c.status == "waiting", steps.c.allowed_by.is_(None)
    )
    return list(await connection.scalars(query.order_by(steps.c.key)))


async def go_on(connection: AsyncConnection, run_id: str) -> None:
    """Queue a run again that has waited; the time it has waited is not its own."""
    await connection.execute(
        sa.update(runs)
        .where(runs.c.id == run_id, runs.c.status == "waiting")
        .values(
            status="queued",
            queued_at=_NOW,
            waited=runs.c.waited + _since(runs.c.waiting_since),
            waiting_since=None,
        )
    )


async def end_unclaimed(
    connection: AsyncConnection, run_id: str, status: Status, last_event: int
) -> Row | None:
    """End a run that no worker has; ``None`` if one has, or it has ended."""
    statement = (
        sa.update(runs)
        .where(runs.c.id == run_id, runs.c.status.in_(["queued", "waiting"]))
        .values(status=status, finished_at=_NOW, last_event=last_event)
        .returning(runs)
    )
    row = (await connection.execute(statement)).mappings().first()
    return dict(row) if row else None


async def note_cost(connection: AsyncConnection, run_id: str, nanos: int) -> None:
    """Store what an ended run has cost, which lists of runs are sorted by.

    Args:
        connection: With the transaction that ends the run.
        run_id: The run.
        nanos: Billionths of a dollar.
    """
    await connection.execute(sa.update(runs).where(runs.c.id == run_id).values(cost_nanos=nanos))


# For workers


async def claim(connection: AsyncConnection, run_id: str, worker: str, lease: float) -> Row | None:
    """Take a run that is queued, or whose worker is gone; ``None`` if there is nothing to take.

    Args:
        connection: To Postgres.
        run_id: The run.
        worker: Who takes it.
        lease: Seconds until it may be taken by another, unless renewed.
    """
    lapsed = sa.and_(runs.c.status == "running", runs.c.lease_until < _NOW)
    statement = (
        sa.update(runs)
        .where(runs.c.id == run_id, sa.or_(runs.c.status == "queued", lapsed))
        .values(
            status="running",
            worker=worker,
            lease_until=_NOW + _seconds(lease),
            epoch=runs.c.epoch + 1,
            started_at=sa.func.coalesce(runs.c.started_at, _NOW),
        )
        .returning(runs)
    )
    row = (await connection.execute(statement)).mappings().first()
    return dict(row) if row else None


async def note_progress(
    connection: AsyncConnection, run_id: str, progress: int, stalls: int
) -> None:
    """Store how far a run was when it was taken, and how often in a row it was no further."""
    await connection.execute(
        sa.update(runs).where(runs.c.id == run_id).values(progress=progress, stalls=stalls)
    )


async def renew(
    connection: AsyncConnection, run_ids: Iterable[str], worker: str, lease: float
) -> dict[str, bool]:
    """Renew leases; returns the runs the worker still has, each with whether it is to be cancelled."""
    mine = sa.and_(runs.c.worker == worker, runs.c.status == "running")
    statement = (
        sa.update(runs)
        .where(runs.c.id.in_(list(run_ids)), mine)
        .values(lease_until=_NOW + _seconds(lease))
        .returning(runs.c.id, runs.c.cancelling)
    )
    return {row.id: row.cancelling for row in await connection.execute(statement)}


def _own(run_id: str, worker: str, epoch: int) -> Any:
    return sa.and_(
        runs.c.id == run_id,
        runs.c.status == "running",
        runs.c.worker == worker,
        runs.c.epoch == epoch,
    )


async def end(
    connection: AsyncConnection, run_id: str, worker: str, epoch: int, **values: Any
) -> Row | None:
    """End a run; ``None`` if the worker has it no more."""
    statement = (
        sa.update(runs)
        .where(_own(run_id, worker, epoch))
        .values(**values, finished_at=_NOW, worker=None, lease_until=None)
        .returning(runs)
    )
    row = (await connection.execute(statement)).mappings().first()
    return dict(row) if row else None


async def give_back(
    connection: AsyncConnection, run_id: str, worker: str, epoch: int, status: Status
) -> Row | None:
    """Let a run wait, or be taken by another worker; ``None`` if the worker has it no more."""
    waiting = {"waiting_since": _NOW} if status == "waiting" else {"queued_at": _NOW}
    statement = (
        sa.update(runs)
        .where(_own(run_id, worker, epoch))
        .values(
            status=status,
            worker=None,
            lease_until=None,
            stalls=sa.func.greatest(runs.c.stalls - 1, 0),
            **waiting,
        )
        .returning(runs)
    )
    row = (await connection.execute(statement)).mappings().first()
    return dict(row) if row else None


async def release_lapsed(connection: AsyncConnection, limit: int) -> list[str]:
    """Queue the runs again whose worker is gone; returns them."""
    lapsed = (
        sa.select(runs.c.id)
        .where(runs.c.status == "running", runs.c.lease_until < _NOW)
        .order_by(runs.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        sa.update(runs)
        .where(runs.c.id.in_(lapsed))
        .values(status="queued", worker=None, lease_until=None, queued_at=_NOW)
        .returning(runs.c.id)
    )
    return list(await connection.scalars(statement))


async def queued(connection: AsyncConnection, older: float, limit: int) -> list[str]:
    """Return runs that nobody has taken for some seconds, the longest waiting first."""
    query = (
        sa.select(runs.c.id)
        .where(runs.c.status == "queued", runs.c.queued_at < _NOW - _seconds(older))
        .order_by(runs.c.queued_at)
        .limit(limit)
    )
    return list(await connection.scalars(query))


async def touch(connection: AsyncConnection, run_ids: Sequence[str]) -> None:
    """Note that the workers are told of queued runs once more."""
    await connection.execute(sa.update(runs).where(runs.c.id.in_(run_ids)).values(queued_at=_NOW))


async def outdated(connection: AsyncConnection, seconds: float, limit: int) -> list[str]:
    """Return runs that ended longer ago than this."""
    query = (
        sa.select(runs.c.id)
        .where(runs.c.finished_at < _NOW - _seconds(seconds))
        .order_by(runs.c.finished_at)
        .limit(limit)
    )
    return list(await connection.scalars(query))


async def forget(connection: AsyncConnection, run_ids: Sequence[str]) -> None:
    """Delete runs with their steps."""
    await connection.execute(sa.delete(runs).where(runs.c.id.in_(run_ids)))


async def try_lock(connection: AsyncConnection, key: int) -> bool:
    """Take a lock until the transaction ends, if nobody has it."""
    return bool(await connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key))))
