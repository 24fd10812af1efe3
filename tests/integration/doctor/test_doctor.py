"""The examination over real stores and a real server of an expert's, without the service."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from experts.catalogue import repository
from experts.catalogue.expert import Expert
from experts.providers.scripted_server import ScriptedServer
from orchestrator.cli import build
from orchestrator.cli.doctor.findings import Finding
from orchestrator.cli.doctor.stores import examine_stores
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls, attached_stores

KEY = "sk-" + "k" * 30


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The command sets up logging for its process, which here is that of the other tests, too."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def entry(id_: str, url: str, **fields: Any) -> Expert:
    endpoint = {"url": url, "api_key": {"env": "VENDOR_KEY"}}
    price = {"input": 1, "output": 1}
    told = {"id": id_, "provider": "openai", "model": "m", "endpoints": [endpoint], "price": price}
    return Expert.model_validate({**told, **fields})


@asynccontextmanager
async def vendor(key: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that wants a key; yields its URL, and the keys that it was shown."""
    shown: list[str] = []

    async def models(request: web.Request) -> web.Response:
        shown.append(request.headers["authorization"])
        return web.Response(status=200 if shown[-1] == f"Bearer {key}" else 401)

    app = web.Application()
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", shown
    finally:
        await runner.cleanup()


async def found(
    engine: AsyncEngine, redis_url: str, experts: list[Expert], *, ask: bool = False
) -> list[Finding]:
    async with engine.begin() as connection:
        for one in experts:
            await repository.create(connection, one, by="test")
    urls = StoreUrls(engine.url.render_as_string(hide_password=False), redis_url, exclusive=False)
    settings = Settings(data_dir=Path("/nonexistent"))
    environ = {"VENDOR_KEY": KEY}
    seen = await examine_stores(settings, urls, environ, running=False, ask=ask)
    assert seen.limited is False
    return seen.findings


def of(findings: list[Finding], check: str) -> list[tuple[str, str]]:
    return [(one.state, one.seen) for one in findings if one.check == check]


async def test_experts_are_tried_without_being_asked(engine: AsyncEngine, redis_url: str) -> None:
    async with ScriptedServer(models=("m",)) as server, vendor("another key") as (strict, asked):
        experts = [
            entry("there", server.url),
            entry("unknown", server.url, model="x"),
            entry("refused", strict),
            entry("gone", "http://127.0.0.1:9/v1"),
            entry("inside", "http://10.1.2.3/v1"),
            entry("off", "http://127.0.0.1:9/v1", enabled=False),
            entry("scripted", server.url, provider="scripted"),
        ]
        findings = await found(engine, redis_url, experts)
        assert server.ledger.requests == []
    assert asked == [f"Bearer {KEY}"]
    assert [state for state, _ in of(findings, "database")] == ["ok"]
    assert [state for state, _ in of(findings, "migrations")] == ["ok"]
    assert [state for state, _ in of(findings, "redis")] == ["ok"]
    assert [state for state, _ in of(findings, "clock")] == ["ok"]
    assert of(findings, "secrets") == [("ok", "1 secrets are named, and all are there.")]
    told = of(findings, "experts")
    assert KEY not in str(findings)
    assert [state for state, _ in told] == ["warning", *["error"] * 3, "ok", "note"], told
    assert "does not know the model (x). Experts there: unknown." in told[0][1]
    assert "refuses the key (status 401)" in told[1][1]
    assert "127.0.0.1:9/v1 cannot be reached" in told[2][1]
    assert "Experts there: gone." in told[2][1]
    assert "COE_PRIVATE_ADDRESSES does not allow" in told[3][1]
    assert told[4][1] == "there can be reached."
    assert told[5][1] == "Not tried: scripted."


async def test_with_leave_they_are_asked(engine: AsyncEngine, redis_url: str) -> None:
    experts = [
        entry("well", "http://unused/v1", provider="scripted", model="echo"),
        entry("ill", "http://unused/v1", provider="scripted", model="fail:500"),
        entry("picky", "http://unused/v1", provider="scripted", model="refuse"),
    ]
    told = of(await found(engine, redis_url, experts, ask=True), "experts")
    assert [state for state, _ in told] == ["warning", "ok"]
    assert told[0][1].startswith("ill answers with an error (expert_failed: ")
    assert told[1][1] == "picky, well can be reached."


async def test_a_secret_that_another_key_encrypted_is_told(
    engine: AsyncEngine, redis_url: str
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(
            "INSERT INTO secrets (name, ciphertext, updated_by) VALUES ('s', 'x', 'test')"
        ))  # fmt: skip
    stored = [{"url": "http://127.0.0.1:9/v1", "api_key": {"stored": "s"}}]
    findings = await found(engine, redis_url, [entry("one", "", endpoints=stored)])
    ((state, seen),) = of(findings, "secrets")
    assert state == "error"
    assert "cannot be decrypted" in seen


def test_stores_that_run_are_found_and_those_that_do_not_are_not(
    scratch: Path, postgres_server: str, redis_server: str, tmp_path: Path
) -> None:
    urls = attached_stores(Settings(data_dir=scratch))
    assert urls is not None
    assert urls.redis == redis_server
    engine = sa.create_engine(urls.postgres)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()
    assert attached_stores(Settings(data_dir=tmp_path)) is None
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "postmaster.pid").write_text("1\nhalf")
    assert attached_stores(Settings(data_dir=tmp_path)) is None


def test_the_command_over_stores_of_its_own_and_without_any(
    postgres_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret-key").write_text("x")
    (tmp_path / "secret-key").chmod(0o644)
    monkeypatch.setenv("COE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    run = CliRunner().invoke(build(), ["doctor", "--json"])
    told = json.loads(run.stdout)
    by_check = {one["check"]: one for one in told["findings"]}
    assert (run.exit_code, told["status"]) == (2, "error")
    assert by_check["data directory"]["advice"] == f"chmod 600 {tmp_path}/secret-key"
    assert by_check["database"]["state"] == by_check["redis"]["state"] == "ok"
    assert by_check["secrets"]["state"] == "error"  # what the file holds is no key
    (tmp_path / "secret-key").unlink()
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hidden-password@127.0.0.1:9/none")
    shown = CliRunner().invoke(build(), ["doctor"])
    assert shown.exit_code == 2
    assert "error    database        Postgres does not answer" in shown.stdout
    assert "-> Check DATABASE_URL" in shown.stdout
    assert "hidden-password" not in shown.stdout
    monkeypatch.setenv("COE_PORT", "many")
    wrong = CliRunner().invoke(build(), ["doctor"])
    assert wrong.exit_code == 2
    assert "COE_PORT" in wrong.stdout
