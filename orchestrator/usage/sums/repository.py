"""Sums of usage in Postgres: news added to them, old ones dropped, ranges summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.usage.sums.ranges import KEPT, MINUTE, Range, grain_of, pieces
from orchestrator.usage.sums.tables import DIMENSIONS, SUMS, TIMES, usage_sums

ANY = "*"
"""Of a dimension that sums do not tell apart."""
_KINDS = {"tenant": 1, "expert": 2, "category": 3}
_ALL, _EACH = 0, 7
_LOCK = 0x73756D73  # "sums": two that add at once would wait for each other row by row
_LATE = timedelta(days=1)
"""So much longer than they are asked for slots are kept."""
_MONDAY = "timestamptz '1970-01-05 00\\:00Z'"


async def add_news(connection: AsyncConnection, now: datetime, most: int = 100_000) -> int:
    """Add to the sums what was counted since the last time; exactly once, in this transaction.

    Args:
        connection: To Postgres.
        now: The time.
        most: Of the news, at once.

    Returns:
        How many sums have changed: with none there is no more news.
    """
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    told = {"since": now - KEPT[MINUTE] - _LATE, "most": most}
    return (await connection.execute(_adding(), told)).rowcount


@cache
def _adding() -> sa.TextClause:
    sets = ", ".join(f"(grain, slot, {name})" for name in DIMENSIONS)
    shown = ", ".join(
        f"CASE WHEN grouping({name}) = 1 THEN '{ANY}' ELSE {name} END" for name in DIMENSIONS
    )
    kind = " ".join(
        f"WHEN grouping({name}) = 0 AND grouping({others[0]}, {others[1]}) = 3 THEN {number}"
        for name, number in _KINDS.items()
        if (others := [other for other in DIMENSIONS if other != name])
    )
    names, dimensions = ", ".join(SUMS), ", ".join(DIMENSIONS)
    return sa.text(f"""
        WITH taken AS (
            DELETE FROM usage_news
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM usage_news LIMIT :most)) RETURNING *
        ),
        slots AS (
            SELECT length AS grain, date_trunc(unit, minute, 'UTC') AS slot, {dimensions}, {names}
            FROM taken
            CROSS JOIN (VALUES (1, 'minute'), (60, 'hour'), (1440, 'day')) AS grains (length, unit)
            WHERE length > 1 OR minute >= :since
        )
        INSERT INTO usage_sums (kind, grain, slot, {dimensions}, {names})
        SELECT CASE WHEN grouping({dimensions}) = 0 THEN {_EACH}
                WHEN grouping({dimensions}) = 7 THEN {_ALL} {kind} END,
            grain, slot, {shown}, {", ".join(f"sum({name})" for name in SUMS)}
        FROM slots
        GROUP BY GROUPING SETS ((grain, slot, {dimensions}), {sets}, (grain, slot))
        ORDER BY 1, 2, 3, {", ".join(str(4 + n) for n in range(len(DIMENSIONS)))}
        ON CONFLICT (kind, grain, slot, {dimensions})
        DO UPDATE SET {", ".join(f"{name} = usage_sums.{name} + excluded.{name}" for name in SUMS)}
    """)  # noqa: S608 (of names above)


async def drop_old(connection: AsyncConnection, now: datetime, oldest: datetime | None) -> int:
    """Drop the sums that are past their time.

    Args:
        connection: To Postgres.
        now: The time.
        oldest: Sums of days before it go, too; ``None``: they stay.

    Returns:
        How many went.
    """
    past: list[sa.ColumnElement[bool]] = [
        sa.and_(usage_sums.c.grain == grain, usage_sums.c.slot < now - kept - _LATE)
        for grain, kept in KEPT.items()
    ]
    if oldest is not None:
        past.append(usage_sums.c.slot < oldest)
    return (await connection.execute(sa.delete(usage_sums).where(sa.or_(*past)))).rowcount


async def summed(
    connection: AsyncConnection,
    range_: Range,
    *,
    only: Mapping[str, str],
    by: str | None = None,
    bucket: int | None = None,
    sums: Sequence[str] = SUMS,
) -> dict[Any, dict[str, Any]]:
    """Return what a range comes to, the latest news included.

    Args:
        connection: To Postgres.
        range_: From :func:`.ranges.told`.
        only: Values that are asked for, by dimension.
        by: A dimension whose values are told apart.
        bucket: Minutes that are told apart, in place of a dimension.
        sums: Which are wanted.

    Returns:
        Sums by value of the dimension, by moment that a bucket begins at, or by ``None``. Histograms
        are text, the others are whole numbers.
    """
    told = {*only, *([by] if by else [])}
    kind = _ALL if not told else _KINDS[told.pop()] if len(told) == 1 else _EACH
    runs = pieces(range_) if bucket is None else pieces(range_, grain_of(bucket))
    grains = tuple(piece.grain for piece in runs)
    given: dict[str, Any] = {"start": range_.start, "end": range_.end, **only}
    for place, piece in enumerate(runs):
        given |= {f"start_{place}": piece.start, f"end_{place}": piece.end}
    statement = _summing(kind, grains, tuple(only), by, bucket, tuple(sums))
    result = await connection.execute(statement, given)
    # A row of nothing at all comes from sums without groups.
    return {row[0]: dict(zip(sums, row[1:], strict=True)) for row in result if row[1] is not None}


@lru_cache(maxsize=256)
def _summing(
    kind: int,
    grains: tuple[int, ...],
    only: tuple[str, ...],
    by: str | None,
    bucket: int | None,
    sums: tuple[str, ...],
) -> sa.TextClause:
    """Return the statement that adds up the sums of a kind in runs of slots, and the news.

    Made as text and kept: to have it composed anew would take longer than Postgres does.
    """
    fits = "".join(f" AND {name} = :{name}" for name in only)
    names = ", ".join(("slot", *([by] if by else []), *sums))
    parts = [
        f"SELECT {names} FROM usage_sums WHERE kind = {kind} AND grain = {grain}"  # noqa: S608 (of names above)
        f" AND slot >= :start_{place} AND slot < :end_{place}{fits}"
        for place, grain in enumerate(grains)
    ]
    parts.append(
        f"SELECT {names.replace('slot', 'minute', 1)} FROM usage_news"  # noqa: S608
        f" WHERE minute >= :start AND minute < :end{fits}"
    )
    key = by or "NULL::text"
    if bucket is not None:
        key = f"date_bin(interval '{bucket} minutes', slot, {_MONDAY})"
    shown = ", ".join(f"sum({one})::{'text' if one in TIMES else 'bigint'}" for one in sums)
    grouped = "" if by is None and bucket is None else " GROUP BY 1"
    return sa.text(f"SELECT {key}, {shown} FROM ({' UNION ALL '.join(parts)}) AS rows{grouped}")  # noqa: S608
