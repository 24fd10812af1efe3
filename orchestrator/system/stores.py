"""What Postgres and Redis say of themselves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.kit.database import newest_revision


@dataclass(frozen=True, slots=True)
class Database:
    """What Postgres says.

    Args:
        version: Its own.
        size_bytes: Of this database on disk.
        connections: To this database, of all processes.
        max_connections: That the server takes, to all its databases.
        revision: Of the schema; ``None``: there is none yet.
        needed_revision: Of the schema that this version of the service goes by.
        clock_ahead_seconds: By how much its clock is ahead of this process's.
    """

    version: str
    size_bytes: int
    connections: int
    max_connections: int
    revision: str | None
    needed_revision: str
    clock_ahead_seconds: float

    @property
    def migrated(self) -> bool:
        """Whether the schema has all that is needed; a newer version may have added to it."""
        return self.revision is not None and self.revision >= self.needed_revision


@dataclass(frozen=True, slots=True)
class Memory:
    """What Redis says.

    Args:
        flavour: ``redis`` or ``valkey``.
        version: Its own.
        used_bytes: Of memory.
        max_bytes: That it may use; ``None``: not bounded.
        eviction_policy: What it does when that is used up: anything but ``noeviction`` loses data.
        evicted_keys: That it has lost so since its start.
        append_only: Whether it writes each change to a file.
        clients: Connections.
        keys: Of all its databases.
        clock_ahead_seconds: By how much its clock is ahead of this process's.
    """

    flavour: str
    version: str
    used_bytes: int
    max_bytes: int | None
    eviction_policy: str
    evicted_keys: int
    append_only: bool
    clients: int
    keys: int
    clock_ahead_seconds: float


_ABOUT = sa.text(
    "SELECT current_setting('server_version') AS version,"
    " pg_database_size(current_database()) AS size,"
    " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,"
    " current_setting('max_connections')::int AS most,"
    " to_regclass('alembic_version') IS NOT NULL AS has_schema"
)
_REVISION = sa.text("SELECT version_num FROM alembic_version")
_NOW = sa.text("SELECT extract(epoch FROM clock_timestamp())::double precision")


async def read_database(engine: AsyncEngine) -> Database:
    """Ask Postgres.

    Raises:
        SQLAlchemyError: If it does not answer.
    """
    async with engine.connect() as connection:
        return await _read(connection)


async def _read(connection: AsyncConnection) -> Database:
    about = (await connection.execute(_ABOUT)).one()
    revision = await connection.scalar(_REVISION) if about.has_schema else None
    before = time.time()
    there = await connection.scalar(_NOW)
    return Database(
        version=about.version.split()[0],
        size_bytes=about.size,
        connections=about.connections,
        max_connections=about.most,
        revision=revision,
        needed_revision=newest_revision(),
        clock_ahead_seconds=ahead(there or 0.0, before, time.time()),
    )


async def read_memory(redis: Redis) -> Memory:
    """Ask Redis.

    Raises:
        RedisError: If it does not answer.
    """
    info: dict[str, Any] = await redis.info()
    before = time.time()
    seconds, microseconds = await redis.time()
    after = time.time()
    valkey = info.get("valkey_version")
    databases = [value for name, value in info.items() if name.startswith("db")]
    return Memory(
        flavour="redis" if valkey is None else "valkey",
        version=str(valkey or info.get("redis_version", "unknown")),
        used_bytes=int(info.get("used_memory", 0)),
        max_bytes=int(info.get("maxmemory", 0)) or None,
        eviction_policy=str(info.get("maxmemory_policy", "unknown")),
        evicted_keys=int(info.get("evicted_keys", 0)),
        append_only=bool(info.get("aof_enabled")),
        clients=int(info.get("connected_clients", 0)),
        keys=sum(int(one["keys"]) for one in databases if isinstance(one, dict) and "keys" in one),
        clock_ahead_seconds=ahead(seconds + microseconds / 1e6, before, after),
    )


def ahead(there: float, before: float, after: float) -> float:
    """Return by how many seconds another clock is ahead of ours.

    Half of the way there and back is taken off, as Cristian's algorithm does
    (https://doi.org/10.1007/BF01784024); the result is off by no more than that half.

    Args:
        there: What the other clock said.
        before: Ours, when it was asked.
        after: Ours, when the answer was there.
    """
    return round(there - (before + after) / 2, 3) + 0.0  # no "-0.0"
