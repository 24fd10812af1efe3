"""The service's app and workers over real stores; experts behind real HTTP servers, scripted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient
from redis.asyncio import Redis
from starlette.types import ASGIApp

from experts.catalogue.expert import Expert
from experts.providers.scripted_server import ScriptedServer
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.jobs import leases
from orchestrator.jobs.service import CHANNEL
from orchestrator.jobs.tables import items as item_table
from orchestrator.jobs.working import JobWorker
from orchestrator.kit.changes import cancelled
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.runs.live import listen
from orchestrator.tenants.keys import Role
from orchestrator.usage.tables import usage
from orchestrator.worker.work import make_job_worker
from router import Category, HashingEmbedder, Router, Taxonomy, build_router

ROUTER: Router = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="test"
)
OVER = {"completed", "failed", "expired", "cancelled"}


def request_line(custom_id: str, model: str = "everyone", text: str = "hello", **body: Any) -> str:
    """Return a line of a batch's input."""
    messages = [{"role": "user", "content": text}]
    return json.dumps(
        {
            "custom_id": custom_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": messages, **body},
        }
    )


@dataclass
class Place:
    """The service in this process.

    Args:
        services: Its parts.
        app: Over them.
        client: With an admin's key.
        settings: Its settings.
        redis_url: Where Redis is.
        stack: Closes what tests open.
    """

    services: Services
    app: ASGIApp
    client: AsyncClient
    settings: Settings
    redis_url: str
    stack: AsyncExitStack
    names: list[str] = field(default_factory=list)
    working: list[JobWorker] = field(default_factory=list)

    async def upload(self, lines: Sequence[str], client: AsyncClient | None = None) -> str:
        """Upload lines as a file; returns its id."""
        answer = await (client or self.client).post(
            "/v1/files",
            files={"file": ("input.jsonl", "\n".join(lines).encode())},
            data={"purpose": "batch"},
        )
        assert answer.status_code == 200, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    async def batch(self, lines: Sequence[str], **more: Any) -> str:
        """Make a batch of lines; returns its id."""
        wanted = {"endpoint": "/v1/chat/completions", "completion_window": "24h", **more}
        wanted.setdefault("input_file_id", await self.upload(lines))
        answer = await self.client.post("/v1/batches", json=wanted)
        assert answer.status_code == 200, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    async def get(self, path: str) -> dict[str, Any]:
        """Return what is at a path."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def over(self, batch_id: str, seconds: float = 20.0) -> dict[str, Any]:
        """Return a batch once it has ended."""
        return await self.until(batch_id, lambda found: found["status"] in OVER, seconds)

    async def until(
        self, batch_id: str, true: Callable[[dict[str, Any]], bool], seconds: float = 20.0
    ) -> dict[str, Any]:
        """Return a batch once something is true of it."""
        deadline = time.monotonic() + seconds
        while not true(found := await self.get(f"/v1/batches/{batch_id}")):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found

    async def until_item(self, batch_id: str, *, attempts: int, seconds: float = 20.0) -> None:
        """Return once an item has been tried so often."""
        most = sa.select(sa.func.max(item_table.c.attempts)).where(item_table.c.job_id == batch_id)
        deadline = time.monotonic() + seconds
        while True:
            async with self.services.engine.connect() as connection:
                if (await connection.scalar(most) or 0) >= attempts:
                    return
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def lines(self, file_id: str | None) -> dict[str, dict[str, Any]]:
        """Return the lines of a file by their custom id."""
        if file_id is None:
            return {}
        answer = await self.client.get(f"/v1/files/{file_id}/content")
        assert answer.status_code == 200, answer.text
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert len({row["custom_id"] for row in rows}) == len(rows)
        return {row["custom_id"]: row for row in rows}

    async def usage(self) -> list[dict[str, Any]]:
        """Return all usage rows."""
        async with self.services.engine.connect() as connection:
            rows = (await connection.execute(sa.select(usage))).mappings()
            return [dict(row) for row in rows]

    @asynccontextmanager
    async def worker(self, **changes: Any) -> AsyncIterator[JobWorker]:
        """Have a worker work, told of news over Redis as a worker process is."""
        worker = self.job_worker(**changes)
        self.working.append(worker)
        async with Redis.from_url(self.redis_url) as redis:
            hearing = asyncio.create_task(listen(redis, CHANNEL, lambda _: worker.wake()))
            async with worker.working():
                yield worker
            await cancelled(hearing)
        self.working.remove(worker)

    def job_worker(self, **changes: Any) -> JobWorker:
        """Return a worker that does nothing yet."""
        self.names.append(f"worker-{len(self.names)}")
        settings = self.settings.model_copy(update=changes)
        return make_job_worker(self.services, self.names[-1], settings)

    @asynccontextmanager
    async def leased(self, worker: JobWorker) -> AsyncIterator[None]:
        """Have a worker hold its lease, and do nothing by itself."""
        async with self.services.engine.begin() as connection:
            await leases.register(connection, worker.name, 60.0)
        yield
        async with self.services.engine.begin() as connection:
            await leases.give_up(connection, worker.name)

    @asynccontextmanager
    async def storing(self, worker: JobWorker) -> AsyncIterator[None]:
        """Have a worker store what it is given, and do nothing by itself."""
        task = asyncio.create_task(worker.writer.run())
        yield
        await cancelled(task)

    def forget_pauses(self) -> None:
        """Have workers look at once for what they have put off."""
        for worker in self.working:
            worker.dispatcher.pauses.clear()
            worker.wake()

    async def as_tenant(self, tenant: str, role: Role = Role.USER) -> AsyncClient:
        """Return a client of another tenant."""
        record, key = await self.services.keys.create(
            name=tenant, role=role, tenant=tenant, created_by="test"
        )
        client = AsyncClient(
            transport=ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {key}", "x-test-key-id": record.id},
        )
        return await self.stack.enter_async_context(client)

    async def expert(self, script: Any, name: str = "everyone", **fields: Any) -> ScriptedServer:
        """Add an expert behind a server of its own; the server is its ledger."""
        server = await self.stack.enter_async_context(ScriptedServer(script))
        entry = {
            "id": name,
            "provider": "openai",
            "model": "any",
            "endpoints": [{"url": server.url}],
            "price": {"input": 1.0, "output": 2.0},
            **fields,
        }
        await self.services.catalogue.create(Expert.model_validate(entry), by="test")
        return server


@pytest.fixture
async def place(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    settings = Settings(
        data_dir=tmp_path,
        secret_key="a" * 43 + "=",  # type: ignore[arg-type]
        run_lease=1.5,
        webhook_private_addresses="127.0.0.0/8",
    )
    urls = StoreUrls(postgres_url, redis_url, exclusive=False)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings, urls, ROUTER, {}))
        app = create_app(services)
        _, key = await services.keys.create(name="the admin", role=Role.ADMIN, created_by="test")
        client = AsyncClient(
            transport=ASGITransport(app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {key}"},
            timeout=30,
        )
        await stack.enter_async_context(client)
        yield Place(services, app, client, settings, redis_url, stack)
