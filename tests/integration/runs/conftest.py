"""The service's app and a worker over real stores; experts behind a real HTTP server, scripted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.types import ASGIApp

from experts.catalogue.expert import Expert
from experts.providers.scripted_server import ScriptedServer
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from orchestrator.worker.work import Work, open_work
from router import Category, HashingEmbedder, Router, Taxonomy, build_router

ENDED = {"finished", "failed", "cancelled"}
ROUTER: Router = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="test"
)


def ten_steps(**more: Any) -> dict[str, Any]:
    """A script with which the conductor takes ten steps: 5 turns, 4 of others' work, 1 check."""
    turns = [f'<call expert="Clerk">please-work {n}</call>' for n in range(1, 5)]
    return {
        "turns": [*turns, "<answer>the sum is 10</answer>"],
        "replies": {
            **{f"please-work {n}": f"part {n} is done" for n in range(1, 5)},
            "VERDICT": "VERDICT: CORRECT",
        },
        **more,
    }


def asked(body: dict[str, Any]) -> str:
    """Say which step a request to an expert belongs to."""
    last = str(body["messages"][-1]["content"])
    if "VERDICT" in last:
        return "check"
    if last.startswith("please-work"):
        return last
    return f"turn {sum(m['role'] == 'assistant' for m in body['messages']) + 1}"


async def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@dataclass
class Place:
    """The service in this process.

    Args:
        services: Its parts.
        app: Over them.
        client: With an admin's key.
        queue: Ids of runs that the workers were told of.
        urls: Its stores.
        settings: Its settings.
    """

    services: Services
    app: ASGIApp
    client: AsyncClient
    queue: asyncio.Queue[str]
    urls: StoreUrls
    settings: Settings

    async def start(self, **body: Any) -> str:
        """Start a run; returns its id."""
        answer = await self.client.post("/v1/runs", json={"task": "Add it all up.", **body})
        assert answer.status_code == 202, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    async def run(self, run_id: str, path: str = "") -> dict[str, Any]:
        """Return a run."""
        answer = await self.client.get(f"/v1/runs/{run_id}{path}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, run_id: str, *states: str, seconds: float = 20.0) -> dict[str, Any]:
        """Return a run once it has one of these states, or has ended."""
        wanted = set(states) or ENDED
        deadline = time.monotonic() + seconds
        while (found := await self.run(run_id))["status"] not in wanted:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found

    async def as_tenant(self, tenant: str, role: Role = Role.USER) -> AsyncClient:
        """Return a client of another tenant."""
        _, key = await self.services.keys.create(
            name=tenant, role=role, tenant=tenant, created_by="test"
        )
        return AsyncClient(
            transport=ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {key}"},
        )


@pytest.fixture
async def place(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    settings = Settings(
        data_dir=tmp_path,
        secret_key="a" * 43 + "=",  # type: ignore[arg-type]
        run_lease=1.5,
        webhook_private_addresses="127.0.0.0/8",
    )
    urls = StoreUrls(postgres_url, redis_url, exclusive=False)
    queue: asyncio.Queue[str] = asyncio.Queue()
    async with open_services(settings, urls, ROUTER, {}) as opened:
        service = replace(opened.runs.service, enqueue=queue.put)
        services = replace(opened, runs=replace(opened.runs, service=service))
        app = create_app(services)
        _, key = await services.keys.create(name="the admin", role=Role.ADMIN, created_by="test")
        async with AsyncClient(
            transport=ASGITransport(app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {key}"},
            timeout=30,
        ) as client:
            yield Place(services, app, client, queue, urls, settings)


MakeWorker = Callable[..., Awaitable[Work]]


@pytest.fixture
async def make_worker(place: Place) -> AsyncIterator[MakeWorker]:
    """Make a worker, which takes whatever comes into the queue."""
    async with AsyncExitStack() as stack:

        async def make(*, takes: bool = True, **changes: Any) -> Work:
            settings = place.settings.model_copy(update=changes)
            return await stack.enter_async_context(_working(place, settings, takes=takes))

        yield make


@asynccontextmanager
async def _working(place: Place, settings: Settings, *, takes: bool) -> AsyncIterator[Work]:
    async with open_work(settings, place.urls, ROUTER) as work:
        taking = asyncio.create_task(_take(place.queue, work)) if takes else None
        yield work
        if taking is not None:
            taking.cancel()
            await asyncio.wait((taking,))


async def _take(queue: asyncio.Queue[str], work: Work) -> None:
    while True:
        run_id = await queue.get()
        await work.runner.offer(run_id)


@pytest.fixture
async def add_expert(place: Place) -> AsyncIterator[Callable[..., Awaitable[ScriptedServer]]]:
    """Add an expert behind a server of its own; the server is its ledger."""
    async with AsyncExitStack() as stack:

        async def add(script: Any, name: str = "everyone", **fields: Any) -> ScriptedServer:
            server = await stack.enter_async_context(ScriptedServer(script))
            entry = {
                "id": name,
                "provider": "openai",
                "model": "any",
                "endpoints": [{"url": server.url}],
                "price": {"input": 1.0, "output": 2.0},
                **fields,
            }
            await place.services.catalogue.create(Expert.model_validate(entry), by="test")
            return server

        yield add
