"""Keys on a real Postgres."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import load_settings
from orchestrator.tenants.keys import Role
from orchestrator.tenants.service import KeyRing


async def _silent(_: str) -> None:
    return


async def test_the_first_start_makes_one_admin_key_even_of_many(engine: AsyncEngine) -> None:
    rings = [KeyRing(engine, _silent) for _ in range(4)]
    made = await asyncio.gather(*(ring.ensure_admin() for ring in rings))
    keys = [key for key in made if key]
    assert len(keys) == 1
    found = rings[0].find(keys[0]) or await rings[0].find_fresh(keys[0])
    assert found is not None
    assert found.role is Role.ADMIN


async def test_the_first_admin_key_can_be_given(engine: AsyncEngine) -> None:
    given = f"sk-coe-{'k' * 43}"
    ring = KeyRing(engine, _silent)
    assert await ring.ensure_admin(given) is None, "whoever gave it knows it"
    found = ring.find(given)
    assert found is not None
    assert found.role is Role.ADMIN
    other = f"sk-coe-{'o' * 43}"
    await ring.ensure_admin(other)
    assert await ring.find_fresh(other) is None, "there is one already"


@pytest.mark.parametrize("key", ["secret", "sk-coe-short", f"sk-coe-{'k' * 40} "])
def test_a_first_admin_key_that_can_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(StartError, match="COE_ADMIN_KEY"):
        load_settings(admin_key=key)


async def test_only_the_hash_is_stored(engine: AsyncEngine) -> None:
    _, key = await KeyRing(engine, _silent).create(name="a", role=Role.USER, created_by="test")
    async with engine.connect() as connection:
        stored = (await connection.execute(text("SELECT api_keys::text FROM api_keys"))).scalar()
    assert isinstance(stored, str)
    assert key not in stored
    assert key.removeprefix("sk-coe-")[6:] not in stored


async def test_a_revoked_key_is_unknown_everywhere(engine: AsyncEngine) -> None:
    here, there = KeyRing(engine, _silent), KeyRing(engine, _silent)
    record, key = await here.create(name="a", role=Role.USER, created_by="test")
    await there.refresh()
    assert there.find(key) is not None
    assert await here.revoke(record.id)
    assert not await here.revoke(record.id)
    await there.refresh()
    assert here.find(key) is None
    assert there.find(key) is None
    assert await there.find_fresh(key) is None


async def test_an_expired_key_is_unknown(engine: AsyncEngine) -> None:
    ring = KeyRing(engine, _silent)
    soon = datetime.now(UTC) + timedelta(milliseconds=400)
    _, key = await ring.create(name="a", role=Role.USER, created_by="test", expires_at=soon)
    assert ring.find(key) is not None
    await asyncio.sleep(0.45)
    assert ring.find(key) is None
    assert await ring.find_fresh(key) is None


async def test_a_key_made_elsewhere_is_found_at_once(engine: AsyncEngine) -> None:
    here, there = KeyRing(engine, _silent), KeyRing(engine, _silent)
    _, key = await there.create(name="a", role=Role.VIEWER, tenant="other", created_by="test")
    assert here.find(key) is None
    found = await here.find_fresh(key)
    assert found is not None
    assert (found.tenant, found.role) == ("other", Role.VIEWER)


def test_roles_include_the_smaller_ones() -> None:
    assert [role for role in Role if Role.EDITOR.includes(role)] == [
        Role.USER,
        Role.VIEWER,
        Role.EDITOR,
    ]
