"""The audit log: over HTTP, in Postgres, from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from coe_client import AsyncCoe, NotFoundError, PermissionDeniedError
from orchestrator.app import create_app
from orchestrator.audit.chain import GENESIS, Event, Linked, first_break
from orchestrator.audit.log import SERVICE, AuditLog
from orchestrator.bootstrap import Services, open_services
from orchestrator.cli import build
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
async def http(services: Services) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def admin(services: Services, http: AsyncClient) -> AsyncCoe:
    _, key = await services.keys.create(name="the admin", role=Role.ADMIN, created_by="test")
    return AsyncCoe(base_url="http://test", api_key=key, http_client=http)


async def test_a_change_is_on_record_before_and_after_it(admin: AsyncCoe) -> None:
    made = await admin.keys.create("robot", experts=["ada"])
    done, asked = [entry async for entry in admin.audit.list()]
    assert (asked.event, done.event) == ("asked", "done")
    assert asked.action == done.action == "POST /admin/api/keys"
    assert (done.actor_name, done.status, done.request_id) == ("the admin", 201, asked.request_id)
    detail = json.loads(done.detail)
    assert detail["asked"] == asked.number
    assert detail["body"]["name"] == "robot"
    assert made.key not in asked.model_dump_json() + done.model_dump_json()


async def test_what_is_refused_is_on_record_too_and_reading_is_not(
    admin: AsyncCoe, services: Services, http: AsyncClient
) -> None:
    _, viewer = await services.keys.create(name="v", role=Role.VIEWER, created_by="test")
    answer = await http.post(
        "/admin/api/keys", json={"name": "x"}, headers={"authorization": f"Bearer {viewer}"}
    )
    assert answer.status_code == 403
    with pytest.raises(NotFoundError):
        await admin.keys.revoke("key_0")
    [key async for key in admin.keys.list()]
    entries = [entry async for entry in admin.audit.list(order="oldest")]
    assert [(e.event, e.status) for e in entries] == [
        ("asked", None),
        ("refused", 403),
        ("asked", None),
        ("refused", 404),
    ]
    assert [e.number async for e in admin.audit.list(action="DELETE")] == [4, 3]


async def test_secrets_leave_no_trace(admin: AsyncCoe) -> None:
    value = "s3cr3t-value"
    await admin.secrets.set("vendor", value)
    kept = "".join([entry.model_dump_json() async for entry in admin.audit.list()])
    assert "/admin/api/secrets/vendor" in kept
    assert value not in kept


async def test_only_admins_read_it(services: Services, http: AsyncClient) -> None:
    _, key = await services.keys.create(name="e", role=Role.EDITOR, created_by="test")
    with pytest.raises(PermissionDeniedError):
        await AsyncCoe(base_url="http://test", api_key=key, http_client=http).audit.head()


async def test_without_postgres_nothing_is_changed(
    admin: AsyncCoe, services: Services, http: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = await services.keys.create(name="a", role=Role.ADMIN, created_by="test")

    async def away(*_: object, **__: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(services.audit, "write", away)
    answer = await http.post(
        "/admin/api/keys", json={"name": "x"}, headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "registry_unavailable"
    assert "x" not in [record.name async for record in admin.keys.list()]


async def test_entries_written_at_once_make_one_chain(engine: AsyncEngine) -> None:
    logs = [AuditLog(engine) for _ in range(3)]
    await asyncio.gather(
        *(log.write("noted", f"thing {n}", SERVICE) for n, log in enumerate(logs * 8))
    )
    chain = await logs[0].page(100)
    assert [link.entry.number for link in chain] == list(range(1, 25))
    assert first_break(chain) is None
    assert await logs[0].head() == (24, chain[-1].hash)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ],
)
async def test_the_table_refuses_everything_but_new_rows(
    engine: AsyncEngine, statement: str
) -> None:
    log = AuditLog(engine)
    await log.write("noted", "a thing")
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.execute(sa.text(statement))
    assert (await log.head())[0] == 1


async def test_what_was_done_behind_its_back_is_found(engine: AsyncEngine) -> None:
    log = AuditLog(engine)
    for thing in ("one", "two", "three"):
        await log.write("noted", thing)
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE audit_log DISABLE TRIGGER ALL"))
        await connection.execute(
            sa.text("UPDATE audit_log SET action = 'nothing' WHERE number = 2")
        )
    broken = first_break(await log.page(10))
    assert broken is not None
    assert broken.number == 2


async def test_verify_judges_an_exported_log(engine: AsyncEngine, tmp_path: Path) -> None:
    log = AuditLog(engine)
    for thing in ("one", "two"):
        await log.write("noted", thing)
    from orchestrator.audit.schemas import EntryView

    lines = [EntryView.of(link).model_dump_json() for link in await log.page(10)]
    file = tmp_path / "log.jsonl"
    number, head = await log.head()

    def verify(text: str, *options: str) -> tuple[int, str]:
        file.write_text(text, encoding="utf-8")
        result = CliRunner().invoke(build(), ["audit", "verify", str(file), *options])
        return result.exit_code, result.output

    assert verify("\n".join(lines), "--head", head) == (
        0,
        f"{number} entries hold. Head: {head}\n",
    )
    assert verify("") == (0, f"0 entries hold. Head: {GENESIS}\n")
    code, told = verify("\n".join(lines).replace("two", "tow"))
    assert code == 1
    assert "Entry 2: it is not what was written" in told
    code, told = verify(lines[1])
    assert (code, "entry 1 is missing" in told) == (1, True)
    code, told = verify("\n".join(lines), "--head", "ff")
    assert (code, "made anew" in told) == (1, True)
    code, told = verify("{}")
    assert (code, "line 1" in told) == (1, True)


async def test_a_change_whose_end_cannot_be_written_is_answered_all_the_same(
    admin: AsyncCoe, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = services.audit.write

    async def once(event: Event, *args: Any, **more: Any) -> Linked:
        if event != "asked":
            raise OSError("gone")
        return await write(event, *args, **more)

    monkeypatch.setattr(services.audit, "write", once)
    assert (await admin.keys.create("robot")).name == "robot"
    assert [entry.event async for entry in admin.audit.list()] == ["asked"]
