"""The audit log searched, exported and read in detail: what was it before, what is it now."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from coe_client import AsyncCoe, BadRequestError, NotFoundError
from coe_client.types import AuditDetail
from orchestrator.app import create_app
from orchestrator.audit.chain import first_break
from orchestrator.audit.log import Actor
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "All."),)), HashingEmbedder(), name="test"
)


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        yield services


@pytest.fixture
async def admin(services: Services) -> AsyncIterator[AsyncCoe]:
    _, key = await services.keys.create(name="the admin", role=Role.ADMIN, created_by="test")
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as http:
        yield AsyncCoe(base_url="http://test", api_key=key, http_client=http)


async def last(admin: AsyncCoe) -> AuditDetail:
    """Return the last entry in detail."""
    return await admin.audit.get((await admin.audit.head()).number)


async def test_what_was_made_changed_and_taken_away(admin: AsyncCoe) -> None:
    made = await admin.keys.create("robot", tenant="acme")
    entry = await last(admin)
    assert (entry.event, entry.target, entry.tenant) == ("done", f"keys/{made.id}", "default")
    assert (entry.changed, entry.before) == (True, None)
    assert (entry.after["name"], entry.after["tenant"]) == ("robot", "acme")
    assert made.key not in entry.model_dump_json()

    await admin.keys.allow(made.id, ["ada"])
    entry = await last(admin)
    assert entry.body == {"experts": ["ada"]}
    assert (entry.before, entry.after) == ({"experts": None}, {"experts": ["ada"]})

    await admin.keys.rotate(made.id)
    entry = await last(admin)
    assert set(entry.after) == {"prefix", "previous_until"}
    assert entry.target == f"keys/{made.id}/rotate"

    await admin.limits.set(tenant="acme", usd_per_day=1.0)
    assert (await last(admin)).before is None
    await admin.limits.set(tenant="acme", usd_per_day=2.0)
    entry = await last(admin)
    assert (entry.before["usd_per_day"], entry.after["usd_per_day"]) == (1.0, 2.0)
    assert set(entry.after) == {"usd_per_day", "changed_at"}
    await admin.limits.remove(tenant="acme")
    entry = await last(admin)
    assert (entry.changed, entry.after) == (True, None)
    assert entry.before["usd_per_day"] == 2.0


async def test_what_changed_nothing_says_so(admin: AsyncCoe) -> None:
    await admin.tenants.put("acme", name="Acme")
    await admin.tenants.put("acme", name="Acme")
    entry = await last(admin)
    assert (entry.event, entry.changed, entry.before, entry.after) == ("done", False, None, None)
    with pytest.raises(NotFoundError):
        await admin.keys.revoke("key_0")
    entry = await last(admin)
    assert (entry.event, entry.changed) == ("refused", False)


async def test_the_two_entries_of_a_change_know_each_other(admin: AsyncCoe) -> None:
    await admin.tenants.put("acme")
    done = await last(admin)
    assert done.asked is not None
    asked = await admin.audit.get(done.asked)
    assert (asked.event, asked.ended, asked.asked) == ("asked", done.number, None)
    assert done.ended is None
    with pytest.raises(NotFoundError):
        await admin.audit.get(999)


async def test_entries_are_found(admin: AsyncCoe, services: Services) -> None:
    key = await admin.keys.create("robot", tenant="acme")
    await admin.keys.revoke(key.id)
    await admin.limits.set(tenant="acme", requests_per_minute=5)
    await admin.tenants.put("beta", name="Beta 100%")
    await services.audit.write("noted", "a thing", Actor("service"))
    head = (await admin.audit.head()).number
    assert first_break(await services.audit.page(100)) is None

    async def numbers(**only: Any) -> list[int]:
        return [e.number async for e in admin.audit.list(order="oldest", page_size=2, **only)]

    assert await numbers() == list(range(1, head + 1))
    assert await numbers(event="done") == [2, 4, 6, 8]
    assert await numbers(event="noted") == [9]
    assert await numbers(target=f"keys/{key.id}") == [2, 3, 4]
    assert await numbers(target="limits/tenants/acme") == [5, 6]
    assert await numbers(target="limits/tenants") == [5, 6]
    assert await numbers(target="limits/ten") == []
    assert await numbers(tenant="acme") == [2, 5, 6]
    assert await numbers(tenant="default") == list(range(1, 9))
    assert await numbers(q="BETA 100%") == [8]
    assert await numbers(q="100_") == []
    assert await numbers(action="DELETE") == [3, 4]
    assert await numbers(actor="service") == [9]
    now = datetime.now(UTC)
    assert await numbers(until=now) == list(range(1, head + 1))
    assert await numbers(since=now) == []
    assert await numbers(since=now - timedelta(hours=1), event="done", q="limits") == [6]


async def test_entries_are_exported(
    admin: AsyncCoe, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.audit.endpoints._EXPORTED_AT_ONCE", 2)
    for name in ("a", "b", "=1+1"):
        await services.audit.write("noted", name, Actor("service", name))
    lines = b"".join([piece async for piece in admin.audit.export("jsonl")]).decode().splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["a", "b", "=1+1"]
    assert json.loads(lines[0])["hash"] == json.loads(lines[1])["previous"]
    text = b"".join([piece async for piece in admin.audit.export("csv", q="=")]).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["number"], row["action"], row["status"]) == ("3", "'=1+1", "")
    empty = b"".join([piece async for piece in admin.audit.export("csv", actor="nobody")]).decode()
    assert empty == text.splitlines(keepends=True)[0]


async def test_what_cannot_be_asked_is_named(admin: AsyncCoe) -> None:
    wrongs: tuple[dict[str, Any], ...] = (
        {"since": "yesterday"},
        {"since": "0.5"},
        {"until": "2026-01-01T00:00:00"},
        {"event": "x"},
    )
    for wrong in wrongs:
        with pytest.raises(BadRequestError) as caught:
            await admin.audit.list(**wrong).page()
        assert next(iter(wrong)) in str(caught.value)
    with pytest.raises(ValueError, match="since needs a time zone"):
        admin.audit.export(since=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_a_state_that_cannot_be_read_stops_no_change(
    admin: AsyncCoe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("orchestrator.audit.states._asking", lambda *_: {"type": "http"})
    made = await admin.tenants.put("acme")
    assert made.id == "acme"
    assert (await last(admin)).changed is False
    assert "the state of /admin/api/tenants/acme is not on record" in caplog.text
