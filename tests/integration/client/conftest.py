"""A loopback service and clients of it, new for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from coe_client import AsyncCoe, Coe
from tests.integration.client.loopback import Service, running


@pytest.fixture
def service() -> Iterator[Service]:
    with running(Service()) as service:
        yield service


@pytest.fixture
def pauses() -> list[float]:
    """What the clients below would have slept between tries."""
    return []


@pytest.fixture
def client(service: Service, pauses: list[float]) -> Iterator[Coe]:
    with Coe(
        base_url=service.url, api_key=service.key, sleep=pauses.append, random=lambda: 0.5
    ) as client:
        yield client


@pytest_asyncio.fixture
async def async_client(service: Service, pauses: list[float]) -> AsyncIterator[AsyncCoe]:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with AsyncCoe(
        base_url=service.url, api_key=service.key, sleep=sleep, random=lambda: 0.5
    ) as client:
        yield client
