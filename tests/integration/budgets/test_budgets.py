"""Budgets over HTTP: found, sorted by what is used of them, and looked ahead of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from coe_client import AsyncCoe, BadRequestError, NotFoundError, PermissionDeniedError
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.ids import new_request_id, uuid7
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.repository import ensure_partitions, insert_records
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "All."),)), HashingEmbedder(), name="test"
)
USD = 1_000_000_000
NOW = datetime.now(UTC)


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        yield services


@pytest.fixture
async def http(services: Services) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def as_role(services: Services, http: AsyncClient, role: Role) -> AsyncCoe:
    _, key = await services.keys.create(name=role, role=role, created_by="test")
    return AsyncCoe(base_url="http://test", api_key=key, http_client=http)


@pytest.fixture
async def admin(services: Services, http: AsyncClient) -> AsyncCoe:
    return await as_role(services, http, Role.ADMIN)


async def spent(services: Services, tenant: str, key_id: str, usd: float, ago: timedelta) -> None:
    moment = int((NOW - ago).timestamp() * 1000)
    record = UsageRecord(
        request_id=f"req_{uuid7(moment).hex}",
        tenant=tenant,
        key_id=key_id,
        api="chat",
        model="coe",
        status="ok",
        cost_nanos=round(usd * USD),
    )
    async with services.engine.begin() as connection:
        await ensure_partitions(connection, [record.started_at.date()])
        await insert_records(connection, [record])


async def test_who_has_used_most_comes_first(admin: AsyncCoe, services: Services) -> None:
    for tenant, usd in (("acme", 9.0), ("beta", 1.0), ("gamma", 12.0)):
        key = await admin.keys.create(f"of {tenant}", tenant=tenant)
        await spent(services, tenant, key.id, usd, timedelta())
        await admin.limits.set(tenant=tenant, usd_per_month=10.0)
    await admin.tenants.put("delta")
    await admin.limits.set(tenant="delta", requests_per_minute=5)

    found = [one async for one in admin.budgets.list(page_size=1)]
    assert [(one.tenant, one.share, one.state) for one in found] == [
        ("gamma", 1.2, "spent"),
        ("acme", 0.9, "near"),
        ("beta", 0.1, "ok"),
        ("delta", None, "ok"),
    ]
    assert (await admin.budgets.list(page_size=2).page()).total == 4
    least = [one.tenant async for one in admin.budgets.list(sort="share", page_size=1)]
    assert least == ["delta", "beta", "acme", "gamma"]
    names = [one.tenant async for one in admin.budgets.list(sort="tenant", page_size=3)]
    assert names == ["acme", "beta", "delta", "gamma"]
    back = [one.tenant async for one in admin.budgets.list(sort="-tenant", page_size=1)]
    assert back == names[::-1]
    assert [one.tenant async for one in admin.budgets.list(state="near")] == ["acme"]
    assert [one.tenant async for one in admin.budgets.list(q="ET")] == ["beta"]
    assert [one.tenant async for one in admin.budgets.list(tenant="beta")] == ["beta"]
    (rates,) = (await admin.budgets.get(tenant="delta")).rates
    assert (rates.limit, rates.most, rates.used) == ("requests_per_minute", 5, 0)


async def test_a_keys_budget_with_its_history(admin: AsyncCoe, services: Services) -> None:
    key = await admin.keys.create("robot", tenant="acme")
    other = await admin.keys.create("other", tenant="acme")
    for days in range(1, 15):
        await spent(services, "acme", key.id, 2.0, timedelta(days=days))
        await spent(services, "acme", other.id, 5.0, timedelta(days=days))
    await spent(services, "acme", key.id, 0.5, timedelta())
    await admin.limits.set(key_id=key.id, usd_per_month=500.0, usd_per_day=20.0)
    ask = Ask(new_request_id(), "acme", key.id, nanos=USD)
    assert (await services.limiter.admit(ask)).nanos == USD

    found = await admin.budgets.get(key_id=key.id)
    assert (found.tenant, found.key_name, found.key_prefix) == ("acme", "robot", key.prefix)
    day, month = found.budgets
    assert (day.used_usd, day.reserved_usd, day.remaining_usd) == (0.5, 1.0, 18.5)
    assert day.burn.step == "hour"
    assert day.burn.points[-1].total_usd == 0.5
    before = min(NOW.day - 1, 14)
    assert month.used_usd == 0.5 + 2.0 * before
    assert len(month.burn.points) == NOW.day
    assert month.burn.points[-1].total_usd == month.used_usd
    assert month.forecast is not None
    assert (month.forecast.steps, month.forecast.usd_per_step) == (14, 2.0)
    assert month.forecast.runs_out_at is None
    assert month.forecast.at_reset_usd < 100
    again = await admin.budgets.get(key_id=key.id)
    assert again.budgets[1].burn.points[:-1] == month.burn.points[:-1]

    await admin.keys.revoke(key.id)
    assert [one async for one in admin.budgets.list()] == []


async def test_without_redis_it_says_that_it_does_not_know(
    admin: AsyncCoe, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.limits.set(tenant="default", usd_per_day=1.0)

    async def away(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr("orchestrator.tenants.limits.script.RedisLimits.look", away)
    found = await admin.budgets.get(tenant="default")
    assert (found.known, found.share, found.state, found.budgets) == (False, None, "ok", [])


async def test_what_cannot_be_asked(admin: AsyncCoe, services: Services, http: AsyncClient) -> None:
    with pytest.raises(NotFoundError):
        await admin.budgets.get(tenant="nobody")
    with pytest.raises(NotFoundError):
        await admin.budgets.get(key_id=f"key_{'0' * 32}")
    with pytest.raises(BadRequestError, match="after"):
        await admin.budgets.list().page("no place")
    with pytest.raises(ValueError, match="either"):
        await admin.budgets.get()
    user = await as_role(services, http, Role.USER)
    with pytest.raises(PermissionDeniedError):
        await user.budgets.list().page()
