"""The installation as it is seen: over a real Postgres and a real Valkey, and without them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import leases
from orchestrator.kit.database import make_engine, newest_revision
from orchestrator.kit.queue import RunQueue
from orchestrator.system.presence import KEY, Kind, Presence, processes
from orchestrator.system.queues import read_waiting
from orchestrator.system.schemas import SystemView
from orchestrator.system.service import System
from orchestrator.system.views import system_view

NOWHERE = "postgresql+psycopg://user:secret-password@127.0.0.1:9/none"


def system(engine: AsyncEngine, redis: Redis, directory: Path, patience: float = 10.0) -> System:
    """One that waits longer than usual, since the machine may be busy."""
    queue = RunQueue(redis, "redis://127.0.0.1:9")
    return System(engine, redis, queue, directory, directory / "usage.spool", "one", patience)


async def seen(watched: System) -> SystemView:
    return system_view(await watched.overview(), watched.instance, datetime.now(UTC))


def presence(redis: Redis, kind: Kind, name: str, **busy: int) -> Presence:
    async def state() -> str:
        return "ok" if kind == "replica" else "working"

    address = "http://127.0.0.1:1" if kind == "replica" else None
    return Presence(redis, kind, name, address=address, state=state, busy=lambda: busy)


async def test_everything_is_seen(
    engine: AsyncEngine, redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    watched = system(engine, redis, tmp_path)
    async with engine.begin() as connection:
        await leases.register(connection, "worker-1", 15.0)
        await leases.register(connection, "worker-2", 15.0)
    one = presence(redis, "replica", "one", requests=3)
    worker = presence(redis, "worker", "worker-1", runs=2, items=5)
    async with one.announced(), worker.announced():
        view = await seen(watched)
    assert view.status == "ok", view
    (replica,) = view.processes.replicas
    assert (replica.id, replica.ready, replica.requests, replica.answers_this) == (
        "one", True, 3, True,
    )  # fmt: skip
    known, silent = view.processes.workers
    assert (known.id, known.status, known.runs, known.items) == ("worker-1", "working", 2, 5)
    assert known.lease_until is not None
    assert (silent.id, silent.status, silent.host) == ("worker-2", "silent", None)
    database, memory = view.database, view.redis
    assert database.revision == database.needed_revision == newest_revision()
    assert database.migrated is True
    assert (database.size_bytes or 0) > 1_000_000
    assert 1 <= (database.connections or 0) <= (database.max_connections or 0)
    assert abs(database.clock_ahead_seconds or 0.0) < 1
    assert (memory.flavour, memory.eviction_policy) == ("valkey", "noeviction")
    assert abs(memory.clock_ahead_seconds or 0.0) < 1
    assert (view.queues.runs_queued, view.queues.items_open, view.queues.usage_undrained) == (
        0,
        0,
        0,
    )
    assert 0 < (view.disk.free_bytes or 0) <= (view.disk.total_bytes or 0)
    assert view.build.packages["fastapi"] != "unknown"


async def test_a_process_that_ends_or_falls_silent_is_gone(redis: Redis) -> None:
    living, dead = presence(redis, "replica", "living"), presence(redis, "replica", "dead")
    await dead.beat()
    line = await redis.hget(KEY, "dead")
    assert line is not None
    async with living.announced():
        assert [one.id for one in await processes(redis)] == ["living", "dead"]
        old = {**json.loads(line), "seen_at": time.time() - 16}
        await redis.hset(KEY, "dead", json.dumps(old))
        await redis.hset(KEY, "other", b'{"id": 7}')  # of another version
        assert [one.id for one in await processes(redis)] == ["living"]
        await living.beat()
        assert await redis.hexists(KEY, "dead") is False
    assert await processes(redis) == []
    assert await redis.ttl(KEY) > 0


async def test_without_stores_it_answers_all_the_same(tmp_path: Path) -> None:
    engine = make_engine(NOWHERE)
    redis = Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))
    watched = system(engine, redis, tmp_path / "gone")
    view = await seen(watched)
    assert view.status == "degraded"
    for part in (view.processes, view.queues, view.database, view.redis, view.disk):
        assert part.state == "away"
        assert part.problem
        assert "secret-password" not in part.problem
    assert view.database.version is None
    await watched.aclose()
    await redis.aclose()
    await engine.dispose()


async def test_a_store_that_hangs_is_slow_and_shown_as_it_was(
    engine: AsyncEngine, redis: Redis, tmp_path: Path
) -> None:
    watched = system(engine, redis, tmp_path, patience=0.3)
    before = await seen(watched)
    async with engine.begin() as connection:
        # Whoever asks for the revision waits for this.
        await connection.execute(sa.text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        began = time.perf_counter()
        view = await seen(watched)
        assert time.perf_counter() - began < 2
    assert (before.database.state, view.database.state) == ("ok", "slow")
    assert view.database.version == before.database.version
    assert (view.status, view.redis.state) == ("degraded", "ok")
    while (await seen(watched)).database.state != "ok":
        pass  # what waited goes on by itself
    await watched.aclose()


async def test_what_waits_is_counted(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("INSERT INTO tenants (id, name) VALUES ('default', '')"))
        await connection.execute(sa.text(
            "INSERT INTO jobs (id, kind, tenant, key_id, state, priority, payload, metadata, groups,"
            " total, filled, prepared, completed, failed, dropped, created_at)"
            " SELECT 'job_' || n, 'batch', 'default', 'key', CASE WHEN n < 3 THEN 'queued' ELSE"
            " 'finished' END, 0, '{}', '{}', '{}', 10, 10, true, n, 1, 0, now() - n * interval '1 h'"
            " FROM generate_series(1, 4) AS n"
        ))  # fmt: skip
    waiting = await read_waiting(engine)
    assert waiting.jobs == {"queued": 2, "running": 0, "cancelling": 0}
    assert waiting.items == (10 - 2) + (10 - 3)
    assert waiting.oldest_job is not None
    assert 7000 < (datetime.now(UTC) - waiting.oldest_job).total_seconds() < 7300
    assert waiting.runs == {"queued": 0, "running": 0, "waiting": 0}
