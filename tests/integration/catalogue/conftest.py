"""The catalogue on a real Postgres, in the smallest app that can serve it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue.expert import Expert
from orchestrator.catalogue import endpoints
from orchestrator.catalogue.secrets import SecretStore, generate_key
from orchestrator.catalogue.service import CatalogueService
from orchestrator.kit.http import RequestFrame, install_error_handlers
from orchestrator.tenants.keys import Role
from orchestrator.tenants.service import KeyRing


class Announcements(list[str]):
    """The topics that were announced."""

    async def __call__(self, topic: str) -> None:
        self.append(topic)


@pytest.fixture
def announced() -> Announcements:
    return Announcements()


@pytest.fixture
def store(engine: AsyncEngine, announced: Announcements) -> SecretStore:
    return SecretStore(engine, [generate_key()], {"A_KEY": "from the environment"}, announced)


@pytest.fixture
async def service(
    engine: AsyncEngine, store: SecretStore, announced: Announcements
) -> CatalogueService:
    service = CatalogueService(engine, store, announced)
    await service.load()
    return service


@pytest.fixture
async def app(engine: AsyncEngine, service: CatalogueService, store: SecretStore) -> FastAPI:
    async def quiet(_: str) -> None:
        return

    app = FastAPI()
    app.include_router(endpoints.router)
    install_error_handlers(app)
    app.add_middleware(RequestFrame, max_body_bytes=20_000_000)
    keys = KeyRing(engine, quiet)
    app.state.services = SimpleNamespace(catalogue=service, secrets=store, keys=keys)
    app.state.keys = {
        role: (await keys.create(name=f"the {role}", role=role, created_by="test"))[1]
        for role in Role
    }
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client with an admin's key."""
    headers = {"authorization": f"Bearer {app.state.keys[Role.ADMIN]}"}
    # An unexpected error reaches the test as the 500 that a client would see.
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


@pytest.fixture
def entry() -> Any:
    def make(identifier: str, **more: Any) -> dict[str, Any]:
        return {"id": identifier, "provider": "scripted", **more}

    return make


@pytest.fixture
def expert() -> Any:
    def make(identifier: str, **more: Any) -> Expert:
        return Expert(id=identifier, provider="scripted", **more)

    return make
