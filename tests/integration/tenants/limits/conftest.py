"""A replica's limits on real stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis.asyncio import BlockingConnectionPool, Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.limits.book import LimitBook
from orchestrator.tenants.limits.limiter import Admission, Limiter
from orchestrator.tenants.limits.replicas import Replicas
from orchestrator.tenants.limits.script import RedisLimits
from orchestrator.tenants.limits.values import TENANT, Ask, Limits
from orchestrator.tenants.tables import tenants
from orchestrator.usage.drain import UsageDrain
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spending import Spending
from orchestrator.usage.spool import Spool

DOLLAR = 1_000_000_000


@dataclass
class Replica:
    """One process: its limits, its journal, and its drain."""

    name: str
    book: LimitBook
    limiter: Limiter
    replicas: Replicas
    journal: UsageJournal
    drain: UsageDrain

    @classmethod
    def of(cls, engine: AsyncEngine, redis: Redis, path: Path, name: str) -> Replica:
        async def announce(topic: str) -> None: ...

        book, replicas = LimitBook(engine, announce), Replicas(redis, name)
        limiter = Limiter(book, RedisLimits(redis), Spending(engine).of, replicas)
        spool = Spool(path / f"{name}.spool")
        journal = UsageJournal(redis, spool, name, limiter)
        return cls(name, book, limiter, replicas, journal, UsageDrain(engine, redis, spool, name))

    async def limit(self, scope: str = TENANT, **limits: int) -> None:
        await self.book.put("default", scope, Limits(**limits), "a test")

    async def ask(self, record: UsageRecord | None = None, **fields: Any) -> Admission:
        """Ask to be let through; raises as the limiter does."""
        record = record or new_record()
        asked = Ask(record.request_id, record.tenant, record.key_id, **fields)
        return await self.journal.open(record, asked)

    async def request(self, nanos: int, cost: int, **fields: Any) -> UsageRecord:
        """Make a whole request that is expected to cost so much, and costs so much."""
        record = new_record(cost_nanos=cost)
        await self.ask(record, nanos=nanos, **fields)
        await self.journal.close(record)
        return record


def new_record(**fields: Any) -> UsageRecord:
    defaults = {
        "request_id": new_request_id(),
        "tenant": "default",
        "key_id": "key_a",
        "api": "chat.completions",
        "model": "coe",
        "status": "ok",
    }
    return UsageRecord(**{**defaults, **fields})


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    pool = BlockingConnectionPool.from_url(redis_url, max_connections=20, timeout=5)
    async with Redis.from_pool(pool) as client:
        yield client


@pytest.fixture
async def replica(engine: AsyncEngine, redis: Redis, tmp_path: Path) -> Replica:
    async with engine.begin() as connection:
        await connection.execute(sa.insert(tenants).values(id="default"))
    return Replica.of(engine, redis, tmp_path, "one")
