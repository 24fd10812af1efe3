"""The list of requests that operators search: filtered, sorted, page by page, with how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from psycopg.errors import QueryCanceled
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.kit.ids import time_of
from orchestrator.usage.sums.ranges import told
from orchestrator.usage.sums.repository import summed
from orchestrator.usage.sums.tables import COUNTS, DIMENSIONS
from orchestrator.usage.tables import LISTED, usage

Sort = Literal["-time", "time", "-cost", "cost", "-duration", "duration"]
ANY_HIT = "any"
COUNTED = 10_000
"""So many are counted; of more it is estimated how many there are."""
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""Before that there was no such service."""
_HITS = ("hit", "shared", "similar")
_COLUMNS: dict[str, sa.Column[Any]] = {
    "cost": usage.c.cost_nanos,
    "duration": usage.c.duration_ms,
}
_CACHE_SUMS = {ANY_HIT: "cache_hits", "miss": "cache_misses"}
_MOST = 2**63 - 1
_COUNT_PATIENCE = "150ms"
_LIST_PATIENCE = "15s"


class TakesTooLong(Exception):
    """So much would have to be looked through that it was given up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests, in which order.

    Args:
        since: From then on.
        until: Before then.
        equal: Values that fields must have: ``tenant``, ``expert``, ``category`` and the like.
        key: Id of the key they came with.
        cache: What the cache had of them; :data:`ANY_HIT`: it had the answer.
        prefix: What their ids begin with.
        min_nanos: That they cost at least, in billionths of a dollar.
        max_nanos: That they cost at most.
        min_ms: Milliseconds that they took at least.
        sort: What comes first; ``-``: the latest, dearest, slowest.
    """

    since: datetime | None = None
    until: datetime | None = None
    equal: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    cache: str | None = None
    prefix: str | None = None
    min_nanos: int | None = None
    max_nanos: int | None = None
    min_ms: float | None = None
    sort: Sort = "-time"

    @property
    def order(self) -> list[sa.ColumnElement[Any]]:
        """What they are sorted by; ids make it unambiguous."""
        column = _COLUMNS.get(self.sort.removeprefix("-"))
        columns: list[sa.ColumnElement[Any]] = [usage.c.started_at, usage.c.request_id]
        return columns if column is None else [column, *columns]

    @property
    def downwards(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what rows must fulfil."""
        row = usage.c
        found: list[sa.ColumnElement[bool]] = [
            row[name] == value if value else sa.func.coalesce(row[name], "") == ""
            for name, value in self.equal.items()
        ]
        if self.since is not None:
            found.append(row.started_at >= self.since)
        if self.until is not None:
            found.append(row.started_at < self.until)
        if self.key is not None:
            found.append(row.key_id == self.key)
        if self.cache is not None:
            hit = row.cache.in_(_HITS)
            found.append(hit if self.cache == ANY_HIT else row.cache == self.cache)
        for bound, column in ((self.min_nanos, row.cost_nanos), (self.min_ms, row.duration_ms)):
            if bound is not None:
                found.append(column >= bound)
        if self.max_nanos is not None:
            found.append(row.cost_nanos <= self.max_nanos)
        return found + (_beginning(self.prefix) if self.prefix else [])

    def summed_by(self) -> tuple[str, Mapping[str, str]] | None:
        """Return the sum that tells how many there are, and for which values of its dimensions.

        ``None``: more is asked than sums tell apart.
        """
        others = (self.key, self.prefix, self.min_nanos, self.max_nanos, self.min_ms)
        counting = [self.equal.get("status"), _CACHE_SUMS.get(self.cache or "", self.cache)]
        names = [name for name in counting if name is not None] or ["requests"]
        known = names[0] in COUNTS and len(names) == 1
        if not known or any(other is not None for other in others):
            return None
        if not self.equal.keys() <= {*DIMENSIONS, "status"}:
            return None
        return names[0], {name: self.equal[name] for name in DIMENSIONS if name in self.equal}


def place_of(row: Mapping[str, Any], sort: Sort) -> str:
    """Return the place of a row in the list, for the next page."""
    request_id: str = row["request_id"]
    column = _COLUMNS.get(sort.removeprefix("-"))
    return request_id if column is None else f"{row[column.name]!r}~{request_id}"


async def page(
    connection: AsyncConnection, wanted: Wanted, *, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """Return rows in their order, those behind a place.

    Raises:
        ValueError: If it is no place in this list.
        TakesTooLong: If so many rows would have to be looked through.
    """
    order = wanted.order
    query = sa.select(*LISTED).where(*wanted.conditions())
    if after is not None:
        place = sa.tuple_(*_place(after, wanted.sort))
        behind = sa.tuple_(*order) < place if wanted.downwards else sa.tuple_(*order) > place
        query = query.where(behind)
    query = query.order_by(*(sa.desc(one) if wanted.downwards else one for one in order))
    rows = await _patiently(connection, query.limit(limit), _LIST_PATIENCE)
    if rows is None:
        raise TakesTooLong
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 (SQLAlchemy's documented way)


async def total(connection: AsyncConnection, wanted: Wanted, now: datetime) -> tuple[int, bool]:
    """Return how many rows there are, and whether that is exact.

    More than :data:`COUNTED` are not counted: sums tell how many there are, to the minute, or Postgres
    estimates it.
    """
    known = 0
    if (summed_by := wanted.summed_by()) is not None:
        name, only = summed_by
        range_ = told(wanted.since or EARLIEST, wanted.until or now, now)
        found = await summed(connection, range_, only=only, sums=(name,))
        known = found.get(None, {}).get(name, 0)
        if known > COUNTED:
            return known, False
    some = sa.select(sa.literal(1)).select_from(usage).where(*wanted.conditions())
    count = sa.select(sa.func.count()).select_from(some.limit(COUNTED + 1).subquery())
    counted = await _patiently(connection, count, _COUNT_PATIENCE)
    if counted is not None and counted[0][0] <= COUNTED:
        return counted[0][0], True
    at_least = 0 if counted is None else counted[0][0]
    return max(await _estimated(connection, some), at_least, known), False


async def _estimated(connection: AsyncConnection, query: sa.Select[Any]) -> int:
    """Return how many rows Postgres expects a query to have."""
    text = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", text.params)
    rows: float = explained.scalar_one()[0]["Plan"]["Plan Rows"]
    return int(rows)


async def _patiently(
    connection: AsyncConnection, query: sa.Select[Any], patience: str
) -> Any | None:
    """Return the rows of a query, or ``None`` if it took too long."""
    try:
        async with connection.begin_nested():
            await connection.execute(sa.text(f"SET LOCAL statement_timeout = '{patience}'"))
            rows = (await connection.execute(query)).all()
            await connection.execute(sa.text("SET LOCAL statement_timeout = DEFAULT"))
            return rows
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            return None
        raise


def _place(after: str, sort: Sort) -> list[Any]:
    value, _, request_id = after.rpartition("~")
    column = _COLUMNS.get(sort.removeprefix("-"))
    at = _time_of(request_id)
    if bool(value) != (column is not None) or at is None:
        raise ValueError("after: not a place in this list")
    place: list[Any] = [sa.literal(at), sa.literal(request_id)]
    if column is None:
        return place
    number = int(value) if column is usage.c.cost_nanos else float(value)
    if abs(number) > _MOST:
        raise ValueError("after: not a place in this list")
    return [sa.literal(number, column.type), *place]


def _beginning(prefix: str) -> list[sa.ColumnElement[bool]]:
    """Return what ids that begin so fulfil: they begin with their time, which finds the partition."""
    digits = prefix.removeprefix("req_")
    row = usage.c
    found = [row.request_id.startswith(f"req_{digits}", autoescape=True)]
    first, last = (_time_of(f"req_{digits.ljust(32, fill)}") for fill in "0f")
    if first is not None:
        found.append(row.started_at >= first)
    if last is not None:
        found.append(row.started_at <= last)
    return found


def _time_of(request_id: str) -> datetime | None:
    """Return when an id was made, ``None`` if that is beyond all calendars."""
    try:
        return time_of(request_id)
    except (ValueError, OverflowError, OSError):
        return None
