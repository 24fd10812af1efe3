"""The catalogue on a real Postgres, and the service's app over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.audit.log import AuditLog
from orchestrator.catalogue.secrets import SecretStore, generate_key
from orchestrator.catalogue.service import CatalogueService
from orchestrator.kit.settings import Settings
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
def keyring(engine: AsyncEngine, announced: Announcements) -> KeyRing:
    return KeyRing(engine, announced)


@pytest.fixture
async def keys(keyring: KeyRing) -> dict[Role, str]:
    """A key of each role."""
    return {
        role: (await keyring.create(name=f"the {role}", role=role, created_by="test"))[1]
        for role in Role
    }


@pytest.fixture
async def client(
    engine: AsyncEngine,
    service: CatalogueService,
    store: SecretStore,
    keyring: KeyRing,
    keys: dict[Role, str],
) -> AsyncIterator[AsyncClient]:
    """A client of the service's app, with an admin's key."""
    # What these endpoints use of the services; nothing else is started.
    services: Any = SimpleNamespace(
        settings=Settings(),
        catalogue=service,
        secrets=store,
        keys=keyring,
        audit=AuditLog(engine),
    )
    headers = {"authorization": f"Bearer {keys[Role.ADMIN]}"}
    # An unexpected error reaches the test as the 500 that a client would see.
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
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
