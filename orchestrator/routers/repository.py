"""Router versions in Postgres.

Every function runs on the caller's connection, in the caller's transaction. Writers take turns at
the lock of the one row of ``router_state``, so two promotions at once follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.kit.ids import uuid7
from orchestrator.routers.errors import RouterReportMissing, RouterVersionUnknown
from orchestrator.routers.loading import LoadedVersion, categories_of
from orchestrator.routers.tables import router_state, router_versions

Status = Literal["candidate", "shadow", "canary", "active", "retired"]

LOCK_SECONDS = 10.0
MAX_PREVIOUS = 50
"""How many promotions can be rolled back, one after another."""
_BESIDE = ("artifact", "taxonomy", "scores", "report")
_LIGHT = [column for column in router_versions.columns if column.name not in _BESIDE]


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What is known of a version without its bytes."""

    id: str
    version: str
    content_hash: str
    size: int
    embedder: str
    experts: tuple[str, ...]
    policies: tuple[str, ...]
    status: Status
    share: float | None
    note: str
    created_at: datetime
    created_by: str
    status_changed_at: datetime
    status_changed_by: str


@dataclass(frozen=True, slots=True)
class State:
    """The row that all versions share.

    Args:
        revision: Grows with every change of a status.
        previous: What was active before, the latest last; ``None`` stands for the built-in one.
    """

    revision: int
    previous: tuple[str | None, ...]


async def state(connection: AsyncConnection) -> State:
    """Return the shared state."""
    return _state((await connection.execute(sa.select(router_state))).one())


async def lock(connection: AsyncConnection) -> State:
    """Wait until no other writer is at work, keep others out until commit; return the state.

    Raises:
        OperationalError: If another writer does not finish within ``LOCK_SECONDS``.
    """
    milliseconds = str(int(LOCK_SECONDS * 1000))
    await connection.execute(sa.select(sa.func.set_config("lock_timeout", milliseconds, True)))
    return _state((await connection.execute(sa.select(router_state).with_for_update())).one())


async def bump(connection: AsyncConnection, previous: tuple[str | None, ...]) -> None:
    """Count one change, and keep what was active before. Call it under :func:`lock`."""
    kept = list(previous[-MAX_PREVIOUS:])
    values = {"revision": router_state.c.revision + 1, "previous": kept}
    await connection.execute(sa.update(router_state).values(values))


async def add(
    connection: AsyncConnection, loaded: LoadedVersion, data: bytes, *, by: str, note: str
) -> tuple[StoredVersion, bool]:
    """Store a version as a candidate.

    Returns:
        The version, and whether it is new: the same content is stored once.
    """
    statement = (
        insert(router_versions)
        .values(
            id=f"rv_{uuid7().hex}",
            version=loaded.router.version,
            artifact=data,
            content_hash=loaded.content_hash,
            size=len(data),
            embedder=loaded.router.embedder.id,
            experts=list(loaded.experts),
            policies=list(loaded.router.policies),
            taxonomy=categories_of(loaded.router),
            scores=dict(loaded.scores),
            report=None if loaded.report is None else dict(loaded.report),
            status="candidate",
            note=note,
            created_by=by,
            status_changed_by=by,
        )
        .on_conflict_do_nothing(index_elements=["content_hash"])
        .returning(router_versions.c.id)
    )
    new = await connection.scalar(statement)
    wanted = router_versions.c.content_hash == loaded.content_hash
    row = (await connection.execute(sa.select(*_LIGHT).where(wanted))).one()
    return _stored(row), new is not None


async def page(
    connection: AsyncConnection, *, limit: int, after: str | None
) -> list[StoredVersion]:
    """Return versions, the newest first, those made before the id ``after``."""
    query = sa.select(*_LIGHT).order_by(router_versions.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(router_versions.c.id < after)
    return [_stored(row) for row in await connection.execute(query)]


async def get(connection: AsyncConnection, version_id: str) -> StoredVersion:
    """Return a version.

    Raises:
        RouterVersionUnknown: If there is none of this id.
    """
    query = sa.select(*_LIGHT).where(router_versions.c.id == version_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise RouterVersionUnknown(version_id)
    return _stored(row)


async def deployed(connection: AsyncConnection) -> list[StoredVersion]:
    """Return the versions that decide something now: active, canary, shadow."""
    wanted = router_versions.c.status.in_(["active", "canary", "shadow"])
    return [_stored(row) for row in await connection.execute(sa.select(*_LIGHT).where(wanted))]


async def details(connection: AsyncConnection, version_id: str) -> tuple[list[Any], dict[str, Any]]:
    """Return categories and scores of a version that exists."""
    columns = router_versions.c
    query = sa.select(columns.taxonomy, columns.scores).where(columns.id == version_id)
    row = (await connection.execute(query)).one()
    return row.taxonomy, row.scores


async def artifact(connection: AsyncConnection, version_id: str) -> bytes:
    """Return the bytes of a version.

    Raises:
        RouterVersionUnknown: If there is none of this id.
    """
    wanted = router_versions.c.id == version_id
    found = await connection.scalar(sa.select(router_versions.c.artifact).where(wanted))
    if found is None:
        raise RouterVersionUnknown(version_id)
    return bytes(found)


async def report(connection: AsyncConnection, version_id: str) -> dict[str, Any]:
    """Return the evaluation report of a version that exists.

    Raises:
        RouterReportMissing: If it came without.
    """
    wanted = router_versions.c.id == version_id
    found = await connection.scalar(sa.select(router_versions.c.report).where(wanted))
    if found is None:
        raise RouterReportMissing(version_id)
    return dict(found)


async def with_status(connection: AsyncConnection, status: Status) -> StoredVersion | None:
    """Return the one version that is active, canary or shadow, or ``None``."""
    query = sa.select(*_LIGHT).where(router_versions.c.status == status)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _stored(row)


async def active_id(connection: AsyncConnection) -> str | None:
    """Return the id of the active version, ``None`` where it is the built-in one."""
    query = sa.select(router_versions.c.id).where(router_versions.c.status == "active")
    found: str | None = await connection.scalar(query)
    return found


async def set_status(
    connection: AsyncConnection,
    version_id: str,
    status: Status,
    *,
    by: str,
    share: float | None = None,
) -> None:
    """Change what a version does. Call it under :func:`lock`."""
    await connection.execute(
        sa.update(router_versions)
        .where(router_versions.c.id == version_id)
        .values(status=status, share=share, status_changed_at=sa.func.now(), status_changed_by=by)
    )


def _state(row: sa.Row[Any]) -> State:
    return State(row.revision, tuple(row.previous))


def _stored(row: sa.Row[Any]) -> StoredVersion:
    fields = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented way to a mapping)
    lists = {name: tuple(fields[name]) for name in ("experts", "policies")}
    return StoredVersion(**{**fields, **lists})
