"""Keeps the usage tables in shape: tomorrow's partition, what is too old, content past its days."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.usage import repository
from orchestrator.usage.content import repository as contents

_EVERY_SECONDS = 600.0
_RETRY_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UsageUpkeep:
    """The background task that does it; harmless in several processes at once.

    Args:
        engine: Postgres.
        retention_days: How many whole days of usage rows are kept beside today's; 0: all.
    """

    engine: AsyncEngine
    retention_days: int = 0

    async def run(self) -> None:
        """Work until cancelled; a Postgres that is away is waited for."""
        while True:
            try:
                await self.once()
            except (SQLAlchemyError, OSError) as error:
                log.warning("upkeep of usage waits: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                await asyncio.sleep(_EVERY_SECONDS)

    async def once(self, now: datetime | None = None) -> None:
        """Do what is due.

        Args:
            now: The time, by default the present.
        """
        moment = now or datetime.now(UTC)
        today = moment.date()
        async with self.engine.begin() as connection:
            await repository.ensure_partitions(connection, [today, today + timedelta(days=1)])
        async with self.engine.begin() as connection:
            gone = await contents.sweep(connection, moment)
        if gone:
            log.info("content of %d requests is past its days and was erased", gone)
        if self.retention_days:
            oldest = today - timedelta(days=self.retention_days)
            async with self.engine.begin() as connection:
                dropped = await repository.drop_partitions(connection, oldest)
            if dropped:
                log.info("usage past its days was dropped: %s", ", ".join(dropped))
