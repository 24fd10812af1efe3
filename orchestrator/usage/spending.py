"""What tenants and keys have spent, from the usage records: the truth that budgets are held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.tenants.limits.values import TENANT, Periods, Spent
from orchestrator.usage.tables import usage

Sums = dict[str, int]
"""Billionths of a dollar by key id."""


@dataclass(slots=True)
class Spending:
    """Sums the usage records of this day and month (UTC).

    Days before yesterday are summed once in a process, since hardly a record comes that late; one that
    does counts for the budgets from the next day on.

    Args:
        engine: Where the records are.
    """

    engine: AsyncEngine
    _settled: dict[str, Sums] = field(default_factory=dict)
    _settled_until: datetime | None = None

    async def of(
        self, tenants: Collection[str], now: datetime | None = None
    ) -> dict[str, dict[str, Spent]]:
        """Return what was spent, by tenant, then by scope: the tenant's own and that of each key.

        Args:
            tenants: Whose.
            now: A moment in the day and month in question; the present one unless given.

        Raises:
            SQLAlchemyError: If Postgres does not answer.
        """
        now = (now or datetime.now(UTC)).astimezone(UTC)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        month = today.replace(day=1)
        yesterday = max(month, today - timedelta(days=1))
        if self._settled_until != yesterday:
            self._settled, self._settled_until = {}, yesterday
        settled = self._settled
        async with self.engine.connect() as connection:
            missing = [tenant for tenant in tenants if tenant not in settled]
            if missing:
                older = await _sums(connection, missing, month, yesterday)
                settled |= {tenant: older[tenant] for tenant in missing}
            before = await _sums(connection, tenants, yesterday, today)
            during = await _sums(connection, tenants, today, None)
        return {
            tenant: _scopes(Periods.of(now), during[tenant], [settled[tenant], before[tenant]])
            for tenant in tenants
        }


async def _sums(
    connection: AsyncConnection, tenants: Collection[str], since: datetime, until: datetime | None
) -> defaultdict[str, Sums]:
    found: defaultdict[str, Sums] = defaultdict(dict)
    if until is not None and since >= until:
        return found
    query = (
        sa.select(usage.c.tenant, usage.c.key_id, sa.func.sum(usage.c.cost_nanos))
        .where(usage.c.tenant.in_(tenants), usage.c.started_at >= since)
        .group_by(usage.c.tenant, usage.c.key_id)
    )
    if until is not None:
        query = query.where(usage.c.started_at < until)
    for tenant, key_id, nanos in await connection.execute(query):
        found[tenant][key_id] = int(nanos)
    return found


def _scopes(periods: Periods, day: Sums, earlier: list[Sums]) -> dict[str, Spent]:
    month: defaultdict[str, int] = defaultdict(int)
    for sums in (*earlier, day):
        for key_id, nanos in sums.items():
            month[key_id] += nanos
    found = {key_id: Spent(periods, day.get(key_id, 0), nanos) for key_id, nanos in month.items()}
    found[TENANT] = Spent(periods, sum(day.values()), sum(month.values()))
    return found
