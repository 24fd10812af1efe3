"""Shared fixtures: real stores, and the switch that keeps tests from spending money."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.database import make_engine
from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey
from tests.databases import Databases

_MONEY = ("_API_KEY", "_TOKEN", "_SECRET", "_CREDENTIALS")


def _scrub(environ: dict[str, str] | os._Environ[str]) -> None:
    """Remove what could reach a vendor or an outside store."""
    for name in list(environ):
        ours = name.startswith("COE_") and name != "COE_TEST_DATA"
        if ours or name.upper().endswith(_MONEY) or name in {"DATABASE_URL", "REDIS_URL"}:
            del environ[name]


_scrub(os.environ)
os.environ["COE_DISCOVER"] = "false"
# As the program itself does: on a busy machine a pool of threads for short vectors costs seconds.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory that an embedded Postgres of root's can reach."""
    path = Path(tempfile.mkdtemp(prefix="coe-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(scratch: Path) -> Iterator[Databases]:
    """A real Postgres, and databases of it."""
    server = EmbeddedPostgres(scratch / "postgres")
    databases = Databases(server.start())
    databases.prepare()
    yield databases
    server.stop()


@pytest.fixture(scope="session")
def postgres_server(databases: Databases) -> str:
    """URL of the Postgres itself, for tests that make databases of their own."""
    return databases.server


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """URL of a fresh, migrated database of this test's own."""
    with databases.lent() as url:
        yield url


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    """An async engine on this test's database."""
    engine = make_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def redis_server(scratch: Path) -> Iterator[str]:
    """URL of a real Valkey."""
    server = EmbeddedValkey(scratch / "valkey")
    yield server.start()
    server.stop()


@pytest.fixture
async def redis_url(redis_server: str) -> str:
    """URL of the Valkey, emptied for this test."""
    async with Redis.from_url(redis_server) as client:
        await client.flushall()
    return redis_server


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the emptied Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client
