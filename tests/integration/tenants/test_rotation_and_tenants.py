"""Rotated keys, allowed policies, and tenants that are shut out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from coe_client import AsyncCoe, BadRequestError, ConflictError, NotFoundError
from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.directory import Tenants
from orchestrator.tenants.keys import Role
from orchestrator.tenants.service import KeyRing
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "All."),)), HashingEmbedder(), name="test"
)
NOW = timedelta()
HOUR = timedelta(hours=1)


async def _silent(_: str) -> None:
    return


@pytest.fixture
def ring(engine: AsyncEngine) -> KeyRing:
    return KeyRing(engine, _silent)


async def rotated(ring: KeyRing, key_id: str, overlap: timedelta) -> str:
    made = await ring.rotate(key_id, overlap)
    assert made is not None
    return made[1]


async def test_a_rotated_key_is_the_same_key(ring: KeyRing, engine: AsyncEngine) -> None:
    record, old = await ring.create(
        name="a", role=Role.EDITOR, experts=["ada"], policies=["economy"], created_by="test"
    )
    made = await ring.rotate(record.id, HOUR)
    assert made is not None
    after, new = made
    assert (after.id, after.name, after.experts) == (record.id, "a", ["ada"])
    assert new != old
    assert after.prefix != record.prefix
    before, now = ring.find(old), ring.find(new)
    assert before is not None
    assert now is not None
    assert before.key_id == now.key_id == record.id
    assert before.expires_at == after.previous_until
    elsewhere = KeyRing(engine, _silent)
    found = await elsewhere.find_fresh(old)
    assert found is not None
    assert found.policies == {"economy"}


async def test_the_secret_before_ends_with_the_overlap(ring: KeyRing) -> None:
    record, first = await ring.create(name="a", role=Role.USER, created_by="test")
    assert await ring.rotate(record.id, timedelta(milliseconds=400)) is not None
    assert ring.find(first) is not None
    await asyncio.sleep(0.45)
    assert ring.find(first) is None
    assert await ring.find_fresh(first) is None


async def test_no_overlap_means_at_once_and_two_rotations_leave_two(ring: KeyRing) -> None:
    record, first = await ring.create(name="a", role=Role.USER, created_by="test")
    second = await rotated(ring, record.id, HOUR)
    third = await rotated(ring, record.id, HOUR)
    assert [ring.find(key) is not None for key in (first, second, third)] == [False, True, True]
    fourth = await rotated(ring, record.id, NOW)
    assert [ring.find(key) is not None for key in (second, third, fourth)] == [False, False, True]


async def test_an_overlap_does_not_outlive_the_key(ring: KeyRing) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    record, old = await ring.create(name="a", role=Role.USER, expires_at=soon, created_by="test")
    await ring.rotate(record.id, HOUR)
    found = ring.find(old)
    assert found is not None
    assert found.expires_at == soon


async def test_revoking_ends_both_secrets(ring: KeyRing) -> None:
    record, old = await ring.create(name="a", role=Role.USER, created_by="test")
    new = await rotated(ring, record.id, HOUR)
    assert await ring.revoke(record.id)
    assert ring.find(old) is None
    assert ring.find(new) is None
    assert await ring.rotate(record.id, HOUR) is None


async def test_a_key_may_use_no_more_than_its_tenant(ring: KeyRing, engine: AsyncEngine) -> None:
    directory = Tenants(engine, ring.changed)
    await directory.put("acme", {"experts": ["ada", "bo"], "policies": ["economy"]})
    _, all_of_it = await ring.create(name="a", role=Role.USER, tenant="acme", created_by="test")
    _, some = await ring.create(
        name="b", role=Role.USER, tenant="acme", experts=["bo", "cy"], created_by="test"
    )
    one, other = ring.find(all_of_it), ring.find(some)
    assert one is not None
    assert other is not None
    assert (one.experts, one.policies) == ({"ada", "bo"}, {"economy"})
    assert other.experts == {"bo"}
    await directory.put("acme", {"experts": None})
    freed = ring.find(some)
    assert freed is not None
    assert freed.experts == {"bo", "cy"}


async def test_a_suspended_tenant_has_no_working_key(ring: KeyRing, engine: AsyncEngine) -> None:
    directory = Tenants(engine, ring.changed)
    _, key = await ring.create(name="a", role=Role.USER, tenant="acme", created_by="test")
    since = (await directory.put("acme", {"suspended": True})).suspended_at
    assert since is not None
    assert ring.find(key) is None
    assert await ring.find_fresh(key) is None
    assert (await directory.put("acme", {"suspended": True})).suspended_at == since
    assert (await directory.put("acme", {"suspended": False})).suspended_at is None
    assert ring.find(key) is not None


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        await services.catalogue.create(
            Expert(id="ada", provider="scripted", model="echo"), by="test"
        )
        yield services


@pytest.fixture
async def http(services: Services) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def admin(services: Services, http: AsyncClient) -> AsyncCoe:
    _, key = await services.keys.create(name="admin", role=Role.ADMIN, created_by="test")
    return AsyncCoe(base_url="http://test", api_key=key, http_client=http)


async def asked(http: AsyncClient, key: str, model: str) -> tuple[int, str | None]:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    answer = await http.post("/v1/chat/completions", json=body, headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("code")


async def test_a_policy_that_is_not_allowed_is_refused(admin: AsyncCoe, http: AsyncClient) -> None:
    made = await admin.keys.create("bound", policies=["economy"])
    assert made.policies == ["economy"]
    assert await asked(http, made.key, "coe-economy") == (200, None)
    assert await asked(http, made.key, "coe-quality") == (403, "policy_not_allowed")
    # The default policy is not the allowed one.
    assert await asked(http, made.key, "coe") == (403, "policy_not_allowed")
    assert await asked(http, made.key, "coe-direct") == (403, "policy_not_allowed")
    assert await asked(http, made.key, "ada") == (200, None)
    routed = await http.post(
        "/v1/route",
        json={"model": "coe-quality", "input": "hi"},
        headers={"authorization": f"Bearer {made.key}"},
    )
    assert routed.status_code == 403
    listed = await http.get("/v1/models", headers={"authorization": f"Bearer {made.key}"})
    names = {model["id"] for model in listed.json()["data"]}
    assert "coe-economy" in names
    assert "coe-quality" not in names
    freed = await admin.keys.allow_policies(made.id, None)
    assert freed.policies is None
    assert await asked(http, made.key, "coe-quality") == (200, None)


async def test_rotation_over_http(admin: AsyncCoe, http: AsyncClient) -> None:
    made = await admin.keys.create("robot")
    renewed = await admin.keys.rotate(made.id, overlap_seconds=0)
    assert renewed.id == made.id
    assert renewed.previous_until is None
    assert await asked(http, made.key, "ada") == (401, "invalid_api_key")
    assert await asked(http, renewed.key, "ada") == (200, None)
    with pytest.raises(NotFoundError):
        await admin.keys.rotate("key_0")
    with pytest.raises(BadRequestError, match="overlap_seconds"):
        await admin.keys.rotate(made.id, overlap_seconds=-1)


async def test_tenants_over_http(admin: AsyncCoe, http: AsyncClient) -> None:
    made = await admin.tenants.put("acme", name="Acme", experts=("ada",))
    assert (made.id, made.name, made.experts, made.policies) == ("acme", "Acme", ["ada"], None)
    key = (await admin.keys.create("k", tenant="acme")).key
    assert await asked(http, key, "ada") == (200, None)
    await admin.tenants.put("acme", suspended=True)
    assert await asked(http, key, "ada") == (401, "invalid_api_key")
    assert (await admin.tenants.get("acme")).suspended_at is not None
    await admin.tenants.put("acme", suspended=False)
    assert await asked(http, key, "ada") == (200, None)
    assert {t.id async for t in admin.tenants.list()} == {"acme", "default"}
    with pytest.raises(ConflictError, match="own"):
        await admin.tenants.put("default", suspended=True)
    with pytest.raises(NotFoundError):
        await admin.tenants.get("nobody")
