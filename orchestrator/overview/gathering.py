"""Finds out what may need attention; what cannot be found out now is told as that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncConnection

from experts.calling.breaker import State
from experts.catalogue.expert import Expert
from orchestrator.jobs.tables import jobs
from orchestrator.overview.attention import (
    EXPIRY_NOTICE,
    Circumstances,
    ExpiringKey,
    FailedJob,
    OpenBreaker,
    UsedBudget,
)
from orchestrator.overview.experts import Lately
from orchestrator.overview.sources import Sources
from orchestrator.tenants.limits.book import LimitRecord
from orchestrator.tenants.limits.values import TENANT, Limits, Use
from orchestrator.tenants.tables import api_keys
from orchestrator.usage.drain import REFUSED
from orchestrator.usage.journal import STREAM

_JOBS_SINCE = timedelta(days=1)
_MOST = 100
_MOST_BUDGETS = 2_000
_AT_ONCE = 50
_PATIENCE_SECONDS = 1.0


async def circumstances(sources: Sources, did: Lately, now: datetime) -> Circumstances:
    """Return what was found of everything that may need attention.

    Args:
        sources: Where to look.
        did: What experts did in the last hour.
        now: The time.

    Raises:
        SQLAlchemyError: If Postgres does not answer.
    """
    catalogue = sources.catalogue
    async with sources.engine.connect() as connection:
        keys = await _keys(connection, now)
        failed = await _jobs(connection, now)
    budgets, (undrained, refused) = await asyncio.gather(_budgets(sources, now), _backlog(sources))
    spool = sources.spool
    return Circumstances(
        now=now,
        breakers=_breakers(sources),
        calls={
            id_: (sums["calls"], sums["failed_calls"])
            for id_, sums in did.hour.items()
            if id_ in catalogue.experts
        },
        budgets=budgets,
        infeasible={
            policy: str(error)
            for policy, error in sources.router.pool(catalogue).infeasible.items()
        },
        keys=keys,
        jobs=failed,
        undrained=undrained,
        refused=refused,
        spooled=spool.stat().st_size if spool.exists() else 0,
        unpriced=unpriced(catalogue.experts.values()),
    )


def unpriced(experts: Iterable[Expert]) -> list[str]:
    """Return the ids of enabled experts of vendors that have no price."""
    return [
        one.id
        for one in experts
        if one.enabled and _billed(one) and one.price.input == 0 and one.price.output == 0
    ]


def _billed(expert: Expert) -> bool:
    """Tell whether somebody sends bills for it: a vendor, who wants a key."""
    keyed = any(endpoint.api_key is not None for endpoint in expert.endpoints)
    return expert.provider == "litellm" or (expert.provider == "openai" and keyed)


def _breakers(sources: Sources) -> list[OpenBreaker]:
    down = sources.router.down
    return [
        OpenBreaker(view.expert, view.endpoint, view.reason, view.expert in down)
        for view in sources.health.snapshot()
        if view.state is not State.CLOSED
    ]


async def _keys(connection: AsyncConnection, now: datetime) -> list[ExpiringKey]:
    query = (
        sa.select(api_keys.c.id, api_keys.c.name, api_keys.c.tenant, api_keys.c.expires_at)
        .where(
            api_keys.c.revoked_at.is_(None),
            api_keys.c.expires_at > now - EXPIRY_NOTICE,
            api_keys.c.expires_at < now + EXPIRY_NOTICE,
        )
        .order_by(api_keys.c.expires_at.desc())
        .limit(_MOST)
    )
    return [ExpiringKey(*row) for row in await connection.execute(query)]


async def _jobs(connection: AsyncConnection, now: datetime) -> list[FailedJob]:
    query = (
        sa.select(jobs.c.id, jobs.c.kind, sa.func.coalesce(jobs.c.error_message, ""))
        .where(jobs.c.state == "failed", jobs.c.finished_at > now - _JOBS_SINCE)
        .order_by(jobs.c.finished_at.desc())
        .limit(_MOST)
    )
    return [FailedJob(*row) for row in await connection.execute(query)]


async def _budgets(sources: Sources, now: datetime) -> list[UsedBudget] | None:
    records = [
        LimitRecord(tenant, name, scope.limits.money, now, "")
        for tenant, names in sources.limits.budgeted().items()
        for name in names
        for scope in sources.limits.scopes(tenant, name)[-1:]  # the key's comes last
        if scope.name == name
    ][:_MOST_BUDGETS]
    free = asyncio.Semaphore(_AT_ONCE)

    async def used(record: LimitRecord) -> Use | None:
        async with free:
            return await sources.limiter.use_of(record)

    uses = await asyncio.gather(*(used(record) for record in records))
    if any(use is None for use in uses):
        return None
    return [
        budget
        for record, use in zip(records, uses, strict=True)
        if use is not None
        for budget in _shares(record, record.limits, use)
    ]


def _shares(record: LimitRecord, limits: Limits, use: Use) -> list[UsedBudget]:
    key = None if record.scope == TENANT else record.scope
    periods = (
        ("day", limits.day, use.day + use.day_held),
        ("month", limits.month, use.month + use.month_held),
    )
    return [
        UsedBudget(record.tenant, key, period, 1.0 if most == 0 else used / most)
        for period, most, used in periods
        if most is not None
    ]


async def _backlog(sources: Sources) -> tuple[int | None, int | None]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await sources.redis.xlen(STREAM), await sources.redis.llen(REFUSED)
    except (RedisError, OSError, TimeoutError):
        return None, None
