"""Router versions on real stores, and the service's app over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx import ASGITransport, AsyncClient

from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Policy, Router, Taxonomy, build_router
from router.artifact import Artifact, pack, seal
from router.uncertainty import GateSettings

BUILT_IN = build_router(
    Taxonomy(
        (
            Category("math", "Mathematics", "Sums, integrals, proofs."),
            Category("general", "General", "Everything else."),
        )
    ),
    HashingEmbedder(),
    name="built-in",
)


def build(artifact: Artifact, *_: Any) -> Router:
    """Make a router of a manifest that holds categories; a stand-in for a learned one."""
    if artifact.manifest.get("breaks"):
        raise ZeroDivisionError("made to break")
    categories = tuple(
        Category(name, name, f"About {name}.") for name in artifact.manifest["categories"]
    )
    policies = tuple(Policy(name, name, 0.5) for name in artifact.manifest["policies"])
    return build_router(
        Taxonomy(categories),
        HashingEmbedder(),
        name=artifact.manifest["name"],
        policies=policies,
        gate_settings=GateSettings(threshold=1.0),
    )


def artifact_bytes(name: str, experts: tuple[str, ...] = ("ada",), **manifest: Any) -> bytes:
    """Return an artefact, different for every name."""
    parts = {
        "name": name,
        "categories": ["math", "law", "general"],
        "policies": ["quality", "balanced", "economy"],
        "experts": list(experts),
        "report": {"n": 12, "quality": 0.5, "note": "<script>alert(1)</script>"},
        "scores": {"math": {"ada": 0.9}},
        **manifest,
    }
    return pack(seal(parts, {"weights": np.arange(4, dtype=np.float32)}))


class Replica:
    """One process of the service, over an ASGI transport."""

    def __init__(self, services: Services, client: AsyncClient) -> None:
        self.services = services
        self.client = client

    async def decided_by(self) -> str:
        """Return the version that decides a request."""
        answer = await self.client.post("/v1/route", json={"input": "one and one"})
        assert answer.status_code == 200, answer.text
        version: str = answer.json()["router_version"]
        return version


MakeReplica = Callable[..., Awaitable[Replica]]
"""Takes settings that differ from the defaults."""


@pytest.fixture
async def make_replica(
    postgres_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MakeReplica]:
    """Make a replica over the test's stores; each has a directory of its own."""
    monkeypatch.setattr("orchestrator.bootstrap.parts.build_from", build)
    async with AsyncExitStack() as stack:
        count = 0

        async def make(**changes: Any) -> Replica:
            nonlocal count
            count += 1
            directory = tmp_path / f"replica-{count}"
            directory.mkdir()
            key = "a" * 43 + "="
            settings = Settings(data_dir=directory, secret_key=key, **changes)  # type: ignore[arg-type]
            return await stack.enter_async_context(
                _replica(settings, StoreUrls(postgres_url, redis_url, exclusive=False))
            )

        yield make


@asynccontextmanager
async def _replica(settings: Settings, urls: StoreUrls) -> AsyncIterator[Replica]:
    async with open_services(settings, urls, BUILT_IN, {}) as services:
        if not services.catalogue.current.experts:
            for name in ("ada", "bo"):
                expert = Expert(id=name, provider="scripted", model="echo")
                await services.catalogue.create(expert, by="test")
        _, key = await services.keys.create(name="the admin", role=Role.ADMIN, created_by="test")
        transport = ASGITransport(create_app(services), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {key}"}
        async with AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            yield Replica(services, client)


@pytest.fixture
async def replica(make_replica: MakeReplica) -> Replica:
    return await make_replica()
