"""Usage rows in Postgres."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.kit.ids import time_of
from orchestrator.usage.record import UsageRecord, to_row
from orchestrator.usage.reports import Question, conditions
from orchestrator.usage.tables import LISTED, usage

_PARTITION_LOCK = 0x757361  # "usa": creating the same partition twice at once would fail

_DROP_PATIENCE = "2s"


async def insert_records(connection: AsyncConnection, records: Sequence[UsageRecord]) -> None:
    """Write records; one that is there already stays as it is.

    Only an ``interrupted`` row, written on behalf of a process that was thought dead, gives way to
    what that process says itself.
    """
    if not records:
        return
    rows = {record.request_id: to_row(record) for record in records}
    for record in records:
        if record.status != "interrupted":
            rows[record.request_id] = to_row(record)
    written = msgspec.json.encode(list(rows.values())).decode()
    await connection.execute(_insertion(), {"rows": written})


@cache
def _insertion() -> sa.TextClause:
    """Return the statement: hundreds of rows as one parameter, since one by one they take many times as long.

    Columns are named, so that those which a newer version added get their defaults.
    """
    names = [column.name for column in usage.columns]
    replaced = [column.name for column in usage.columns if not column.primary_key]
    return sa.text(
        f"INSERT INTO usage ({', '.join(names)}) SELECT {', '.join(names)} "  # noqa: S608 (from above)
        "FROM jsonb_populate_recordset(NULL::usage, CAST(:rows AS jsonb)) "
        "ON CONFLICT (request_id, started_at) DO UPDATE SET "
        f"{', '.join(f'{name} = excluded.{name}' for name in replaced)} "
        "WHERE usage.status = 'interrupted' AND excluded.status <> 'interrupted'"
    )


async def ensure_partitions(connection: AsyncConnection, days: Iterable[date]) -> None:
    """Create the partitions that hold these days (UTC)."""
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PARTITION_LOCK)))
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = start + timedelta(days=1)
        await connection.execute(
            sa.text(
                f"CREATE TABLE IF NOT EXISTS usage_{day:%Y%m%d} PARTITION OF usage "
                f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
            )
        )


async def list_rows(
    connection: AsyncConnection,
    *,
    limit: int,
    after: str | None = None,
    tenant: str | None = None,
    expert: str | None = None,
    status: str | None = None,
) -> list[dict[str, Any]]:
    """Return rows, newest first, those older than the request ``after``."""
    query = sa.select(*LISTED).order_by(usage.c.started_at.desc(), usage.c.request_id.desc())
    if after is not None:
        query = query.where(
            sa.tuple_(usage.c.started_at, usage.c.request_id)
            < sa.tuple_(sa.literal(time_of(after)), sa.literal(after))
        )
    if tenant is not None:
        query = query.where(usage.c.tenant == tenant)
    if expert is not None:
        query = query.where(usage.c.expert == expert)
    if status is not None:
        query = query.where(usage.c.status == status)
    result = await connection.execute(query.limit(limit))
    return [dict(row) for row in result.mappings()]


async def exported_rows(
    connection: AsyncConnection, question: Question, *, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """Return rows of a period, oldest first, those after the request ``after``."""
    query = sa.select(usage).where(*conditions(question))
    if "expert" in question.only:
        query = query.where(usage.c.expert == question.only["expert"])
    if after is not None:
        query = query.where(
            sa.tuple_(usage.c.started_at, usage.c.request_id)
            > sa.tuple_(sa.literal(time_of(after)), sa.literal(after))
        )
    query = query.order_by(usage.c.started_at, usage.c.request_id)
    return [dict(row) for row in (await connection.execute(query.limit(limit))).mappings()]


async def drop_partitions(connection: AsyncConnection, before: date) -> list[str]:
    """Drop the partitions whose days all lie before a day (UTC).

    Returns:
        The names of those that went.
    """
    # Dropping waits for running queries, and new ones wait for it: better to come again later.
    await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_DROP_PATIENCE}'"))
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PARTITION_LOCK)))
    tree = sa.text("SELECT relid::regclass::text FROM pg_partition_tree('usage') WHERE isleaf")
    names = (await connection.scalars(tree)).all()
    old = [name for name in names if (day := _day_of(name)) is not None and day < before]
    for name in old:
        await connection.execute(sa.text(f"DROP TABLE {name}"))
    return old


def _day_of(partition: str) -> date | None:
    """Return the day a partition holds, ``None`` for one that we have not made."""
    found = re.fullmatch(r"usage_(\d{8})", partition)
    return datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC).date() if found else None


async def median_seconds(
    connection: AsyncConnection, *, since: datetime, most: int, least: int
) -> dict[str, float]:
    """Return the median seconds of each expert's answers.

    Args:
        connection: To Postgres.
        since: Only requests from then on count.
        most: Only that many requests count, the latest.
        least: Experts that answered fewer of them are left out.
    """
    latest = (
        sa.select(usage.c.expert, usage.c.duration_ms)
        .where(usage.c.started_at >= since, usage.c.status == "ok", usage.c.expert.is_not(None))
        .order_by(usage.c.started_at.desc(), usage.c.request_id.desc())
        .limit(most)
        .subquery()
    )
    median = sa.func.percentile_cont(0.5).within_group(latest.c.duration_ms)
    query = sa.select(latest.c.expert, median).group_by(latest.c.expert)
    rows = await connection.execute(query.having(sa.func.count() >= least))
    return {expert: milliseconds / 1000.0 for expert, milliseconds in rows}


async def get_row(connection: AsyncConnection, request_id: str) -> dict[str, Any] | None:
    """Return one request's row, or ``None``."""
    query = sa.select(usage).where(
        usage.c.request_id == request_id, usage.c.started_at == time_of(request_id)
    )
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None
