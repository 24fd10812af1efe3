"""LangGraph's checkpoints in a schema of their own, ``langgraph``.

Its own migrations are applied under the lock that the service's are applied under, in one transaction.
``setup()`` of LangGraph cannot be: it creates indexes concurrently, which waits for every other
transaction, and a replica that waits for the lock is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

if TYPE_CHECKING:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

SCHEMA = "langgraph"
_MIGRATION_LOCK = 0x636F65
"""The one of :mod:`orchestrator.kit.database`."""
_CONNECTIONS = 8


class Checkpoints:
    """Keeps the checkpoints of all runs of a process.

    Args:
        pool: Connections whose search path is the schema.
    """

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    def saver(self) -> AsyncPostgresSaver:
        """Return a checkpointer for one run: one for all would let them wait for each other."""
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        return AsyncPostgresSaver(self._pool)

    async def forget(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs."""
        async with self._pool.connection() as connection:
            for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
                await connection.execute(
                    f"DELETE FROM {table} WHERE thread_id = ANY(%s)",  # noqa: S608 (from above)
                    (list(run_ids),),
                )


@asynccontextmanager
async def open_checkpoints(url: str) -> AsyncIterator[Checkpoints]:
    """Bring the schema up to date, and open it.

    Args:
        url: As :func:`orchestrator.kit.database.make_engine` takes it.
    """
    from psycopg_pool import AsyncConnectionPool

    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    await _migrate(plain)
    async with AsyncConnectionPool(
        plain,
        min_size=1,
        max_size=_CONNECTIONS,
        kwargs={"autocommit": True, "prepare_threshold": 0},
        configure=_in_schema,
        open=False,
    ) as pool:
        yield Checkpoints(pool)


async def _in_schema(connection: AsyncConnection[Any]) -> None:
    await connection.execute(f"SET search_path TO {SCHEMA}")
    # Nobody waits for the disk: should Postgres itself crash, the last checkpoints are gone, the run
    # goes on from an earlier one, and what was paid for in between comes from the ledger.
    await connection.execute("SET synchronous_commit TO off")


async def _migrate(url: str) -> None:
    from langgraph.checkpoint.postgres.base import MIGRATIONS
    from psycopg import AsyncConnection

    async with await AsyncConnection.connect(url) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        await connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
        await connection.execute(MIGRATIONS[0])
        found = await connection.execute("SELECT max(v) FROM checkpoint_migrations")
        row = await found.fetchone()
        version = -1 if row is None or row[0] is None else row[0]
        for number, migration in enumerate(MIGRATIONS):
            if number > version:
                statement = migration.replace(" CONCURRENTLY", "")
                await connection.execute(statement.encode())
                await connection.execute(
                    "INSERT INTO checkpoint_migrations (v) VALUES (%s)", (number,)
                )
