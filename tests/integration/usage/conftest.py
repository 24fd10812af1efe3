"""The service over real stores, without a port: usage rows are written straight to Postgres."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from httpx import ASGITransport, AsyncClient
from redis.asyncio import Redis
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from coe_client import AsyncCoe
from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.ids import uuid7
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from orchestrator.usage import repository
from orchestrator.usage.record import UsageRecord
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="test"
)


def request_id_at(moment: datetime) -> str:
    return f"req_{uuid7(int(moment.timestamp() * 1000)).hex}"


def record(at: str, **fields: Any) -> UsageRecord:
    """Return a usage record of a moment in UTC, such as ``2026-03-01T12:00``."""
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    defaults = {
        "request_id": request_id_at(moment),
        "tenant": "one",
        "key_id": "key_1",
        "api": "chat.completions",
        "model": "coe",
        "status": "ok",
        "tokens_estimated": False,
    }
    return UsageRecord(**{**defaults, **fields})


async def store(engine: AsyncEngine, *records: UsageRecord) -> None:
    async with engine.begin() as connection:
        days = {each.started_at.date() for each in records}
        await repository.ensure_partitions(connection, days)
        await repository.insert_records(connection, records)


class Caller:
    """A key with a client."""

    def __init__(self, client: AsyncClient, key: str) -> None:
        self.coe = AsyncCoe(base_url="http://test", api_key=key, http_client=client)
        self._client = client
        self._headers = {"authorization": f"Bearer {key}"}

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self._client.get(path, params=query, headers=self._headers)

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self._client.post(path, json=body, headers=self._headers)


class Desk:
    """The service and its callers."""

    def __init__(self, services: Services, client: AsyncClient) -> None:
        self.services, self._client = services, client
        self.engine = services.engine

    async def caller(self, tenant: str = "one", role: Role = Role.USER) -> Caller:
        keys = self.services.keys
        _, key = await keys.create(name="a key", role=role, tenant=tenant, created_by="test")
        return Caller(self._client, key)


@pytest.fixture(scope="module")
def database(postgres_server: str) -> Iterator[str]:
    """URL of a migrated database that a module's tests share: making one takes a second."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE template_coe")
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def desk(
    database: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    async with Redis.from_url(redis_server) as redis:
        await redis.flushall()
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    urls = StoreUrls(database, redis_server, exclusive=True)
    async with open_services(settings, urls, ROUTER, {}) as services:
        expert = Expert(id="echo", provider="scripted", model="echo")
        await services.catalogue.create(expert, by="test")
        transport = ASGITransport(create_app(services), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Desk(services, client)


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
