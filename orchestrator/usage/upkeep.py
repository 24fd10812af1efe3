"""Keeps the usage tables in shape: tomorrow's partition, sums, what is too old, content past its days."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.usage import repository
from orchestrator.usage.content import repository as contents
from orchestrator.usage.sums import repository as sums

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UsageUpkeep:
    """Does it; each part whenever it is called, harmless in several processes at once.

    Args:
        engine: Postgres.
        retention_days: How many whole days of usage rows are kept beside today's; 0: all.
    """

    engine: AsyncEngine
    retention_days: int = 0

    async def partitions(self, now: datetime | None = None) -> None:
        """Have a partition for today and for tomorrow.

        Args:
            now: The time, by default the present, as for the others.
        """
        today = (now or datetime.now(UTC)).date()
        async with self.engine.begin() as connection:
            await repository.ensure_partitions(connection, [today, today + timedelta(days=1)])

    async def sums(self, now: datetime | None = None) -> None:
        """Add to the sums what was counted since the last time."""
        now = now or datetime.now(UTC)
        changed = 1
        while changed:
            async with self.engine.begin() as connection:
                changed = await sums.add_news(connection, now)

    async def content(self, now: datetime | None = None) -> None:
        """Erase what tenants let be kept no longer."""
        async with self.engine.begin() as connection:
            gone = await contents.sweep(connection, now or datetime.now(UTC))
        if gone:
            log.info("content of %d requests is past its days and was erased", gone)

    async def retention(self, now: datetime | None = None) -> None:
        """Drop usage rows, and sums of them, that are past their days."""
        now = (now or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
        kept = timedelta(days=self.retention_days)
        async with self.engine.begin() as connection:
            await sums.drop_old(connection, now, now - kept if kept else None)
        if not kept:
            return
        oldest = (now - kept).date()
        async with self.engine.begin() as connection:
            dropped = await repository.drop_partitions(connection, oldest)
        if dropped:
            log.info("usage past its days was dropped: %s", ", ".join(dropped))
