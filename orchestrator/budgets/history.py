"""What tenants and keys have spent lately, by day and by hour (UTC), from the usage records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.usage.tables import usage

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LATELY_DAYS = 14
_MOST_SUBJECTS = 10_000

Subject = tuple[str, str | None]
"""A tenant, and a key of its; ``None``: all of them together."""
Sums = dict[datetime, int]
"""Billionths of a dollar by the beginning of an hour or day."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one has spent.

    Args:
        days: By day, from the first of the month or fourteen days ago, whichever is earlier.
        hours: By hour, since yesterday.
    """

    days: Mapping[datetime, int]
    hours: Mapping[datetime, int]

    def first(self) -> datetime | None:
        """Return when the first of it was spent, to the day or better; ``None``: nothing was."""
        days = [day for day, nanos in self.days.items() if nanos]
        if not days:
            return None
        day = min(days)
        hours = [hour for hour, nanos in self.hours.items() if nanos]
        return day if not hours or min(hours) >= day + DAY else max(day, min(hours))


@dataclass(slots=True)
class SpendHistory:
    """Reads what was spent; days before yesterday are read once in a process.

    Args:
        engine: Where the records are.
    """

    engine: AsyncEngine
    _settled: dict[Subject, Sums] = field(default_factory=dict)
    _today: datetime | None = None

    async def of(self, subjects: Collection[Subject], now: datetime) -> dict[Subject, Spent]:
        """Return what some have spent.

        Args:
            subjects: Who.
            now: The present moment.

        Raises:
            SQLAlchemyError: If Postgres does not answer.
        """
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        yesterday = today - DAY
        if self._today != today or len(self._settled) > _MOST_SUBJECTS:
            self._settled, self._today = {}, today
        settled = self._settled
        async with self.engine.connect() as connection:
            missing = [subject for subject in subjects if subject not in settled]
            if missing:
                since = min(today.replace(day=1), today - LATELY_DAYS * DAY)
                settled |= await _sums(connection, missing, since, yesterday, "day")
            late = await _sums(connection, subjects, yesterday, None, "hour")
        return {subject: _spent(settled[subject], late[subject]) for subject in subjects}


def _spent(settled: Sums, hours: Sums) -> Spent:
    days = defaultdict(int, settled)
    for hour, nanos in hours.items():
        days[hour.replace(hour=0)] += nanos
    return Spent(dict(days), hours)


async def _sums(
    connection: AsyncConnection,
    subjects: Collection[Subject],
    since: datetime,
    until: datetime | None,
    step: Literal["day", "hour"],
) -> dict[Subject, Sums]:
    found: dict[Subject, Sums] = {subject: {} for subject in subjects}
    begins = sa.func.date_trunc(step, usage.c.started_at, "UTC").label("begins")
    period = [usage.c.started_at >= since]
    if until is not None:
        period.append(usage.c.started_at < until)
    whole = {tenant for tenant, key in subjects if key is None}
    keys = {key for _, key in subjects if key is not None}
    queries = (
        _summed(sa.null(), begins, usage.c.tenant.in_(whole), *period),
        _summed(usage.c.key_id, begins, usage.c.key_id.in_(keys), *period),
    )
    for query in queries:
        for tenant, key_id, moment, nanos in await connection.execute(query):
            if (sums := found.get((tenant, key_id))) is not None:
                sums[moment.astimezone(UTC)] = int(nanos)
    return found


def _summed(
    key: sa.ColumnElement[Any], begins: sa.Label[Any], *which: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    """Return the sums of records by tenant, key and step."""
    places: list[sa.ColumnElement[Any]] = [sa.literal_column(str(place)) for place in (1, 2, 3)]
    summed = sa.func.sum(usage.c.cost_nanos)
    return sa.select(usage.c.tenant, key, begins, summed).where(*which).group_by(*places)
