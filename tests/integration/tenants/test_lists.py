"""Keys and tenants are found among many: searched, filtered, sorted, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient

from coe_client import AsyncCoe, BadRequestError, NotFoundError
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from orchestrator.tenants.tables import api_keys
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "All."),)), HashingEmbedder(), name="test"
)
NOW = datetime.now(UTC)


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        yield services


@pytest.fixture
async def admin(services: Services) -> AsyncIterator[AsyncCoe]:
    _, key = await services.keys.create(name="zoe", role=Role.ADMIN, created_by="test")
    for name, role, tenant, days in (
        ("Blog", Role.USER, "acme", 3),
        ("api", Role.USER, "acme", 30),
        ("Chat_bot", Role.VIEWER, "umbrella", None),
        ("old", Role.USER, "umbrella", 1),
        ("gone", Role.EDITOR, "default", None),
    ):
        await services.keys.create(
            name=name,
            role=role,
            tenant=tenant,
            expires_at=None if days is None else NOW + timedelta(days=days),
            created_by="test",
        )
    await services.tenants.put("acme", {"name": "Acme Ltd"})
    records, _ = await services.keys.list(10)
    by_name = {record.name: record.id for record in records}
    await services.keys.revoke(by_name["gone"])
    async with services.engine.begin() as connection:
        await connection.execute(
            sa.update(api_keys)
            .where(api_keys.c.name == "old")
            .values(expires_at=NOW - timedelta(days=1))
        )
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as http:
        yield AsyncCoe(base_url="http://test", api_key=key, http_client=http)


async def names(admin: AsyncCoe, **only: Any) -> list[str]:
    return [key.name async for key in admin.keys.list(page_size=2, **only)]


async def test_keys_are_found(admin: AsyncCoe) -> None:
    everything = ["zoe", "Blog", "api", "Chat_bot", "old", "gone"]
    assert await names(admin) == everything
    assert await names(admin, q="UMBRELLA") == ["Chat_bot", "old"], "the tenant's too"
    assert await names(admin, q="t_b") == ["Chat_bot"]
    assert await names(admin, role="user") == ["Blog", "api", "old"]
    assert await names(admin, tenant="acme") == ["Blog", "api"]
    assert await names(admin, state="active") == ["zoe", "Blog", "api", "Chat_bot"]
    assert await names(admin, state="expired") == ["old"]
    assert await names(admin, state="revoked") == ["gone"]
    assert await names(admin, expiring_days=7) == ["Blog"]
    assert await names(admin, tenant="acme", q="log", role="user", state="active") == ["Blog"]
    assert await names(admin, q="no such") == []
    first = await admin.keys.list(page_size=2, role="user").page()
    assert (first.total, first.has_more) == (3, True)


async def test_keys_are_sorted(admin: AsyncCoe, services: Services) -> None:
    by_name = ["api", "Blog", "Chat_bot", "gone", "old", "zoe"]
    assert await names(admin, sort="name") == by_name
    assert await names(admin, sort="-name") == by_name[::-1]
    assert (await names(admin, sort="expires"))[:3] == ["old", "Blog", "api"]
    assert await names(admin, sort="-created") == ["gone", "old", "Chat_bot", "api", "Blog", "zoe"]
    await services.keys.sightings.flush()
    last = [key async for key in admin.keys.list(sort="-last_used")]
    assert last[0].name == "zoe"
    assert last[0].last_used_at is not None
    assert abs(last[0].last_used_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert {key.last_used_at for key in last[1:]} == {None}


async def test_a_key_is_shown_alone(admin: AsyncCoe, services: Services) -> None:
    made = await admin.keys.create("robot", tenant="acme")
    me = await admin.me()
    shown = await admin.keys.get(made.id)
    assert (shown.name, shown.state, shown.created_by) == ("robot", "active", me.id)
    assert made.key not in shown.model_dump_json()
    await services.tenants.put("acme", {"suspended": True})
    assert (await admin.keys.get(made.id)).state == "suspended"
    with pytest.raises(NotFoundError):
        await admin.keys.get("key_0")


async def test_tenants_are_found_and_sorted(admin: AsyncCoe, services: Services) -> None:
    async def ids(**only: Any) -> list[str]:
        return [tenant.id async for tenant in admin.tenants.list(page_size=2, **only)]

    await services.tenants.put("umbrella", {"suspended": True})
    assert await ids() == ["acme", "default", "umbrella"]
    assert await ids(sort="-id") == ["umbrella", "default", "acme"]
    assert await ids(q="LTD") == ["acme"]
    assert await ids(suspended=True) == ["umbrella"]
    assert await ids(suspended=False) == ["acme", "default"]
    assert await ids(sort="-name") == ["acme", "umbrella", "default"]
    await services.keys.sightings.flush()
    listed = [tenant async for tenant in admin.tenants.list(sort="-last_used")]
    assert listed[0].id == "default"
    assert {t.id: t.active_keys for t in listed} == {"acme": 2, "default": 1, "umbrella": 0}
    assert (await admin.tenants.list(page_size=1).page()).total == 3


async def test_what_cannot_be_asked_is_named(admin: AsyncCoe) -> None:
    wrongs: tuple[dict[str, Any], ...] = (
        {"sort": "colour"},
        {"role": "king"},
        {"state": "new"},
        {"expiring_days": -1},
        {"q": "\x00"},
    )
    for wrong in wrongs:
        with pytest.raises(BadRequestError) as caught:
            await names(admin, **wrong)
        assert next(iter(wrong)) in str(caught.value)


async def test_sightings_of_an_outage_are_written_after_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, key = await services.keys.create(name="a", role=Role.USER, created_by="test")
    assert services.keys.find(key) is not None

    def away() -> None:
        raise OSError("gone")

    sightings = services.keys.sightings
    with monkeypatch.context() as patch:
        patch.setattr(sightings, "_engine", type("Away", (), {"begin": staticmethod(away)})())
        with pytest.raises(OSError, match="gone"):
            await sightings.flush()
    await sightings.flush()
    found = await services.keys.get(record.id)
    assert found is not None
    assert found.last_used_at is not None
