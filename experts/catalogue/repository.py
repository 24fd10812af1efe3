"""The catalogue in Postgres.

Every function runs on the caller's connection, in the caller's transaction: all of it is committed
or none. Writers take turns at the lock of the one row of ``catalogue_state``, so a revision is
visible only after every smaller one, and a replica that has seen revision *n* misses nothing up to
*n*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from experts.catalogue import changes, tables
from experts.catalogue.changes import Change
from experts.catalogue.errors import (
    ExpertExists,
    ExpertUnknown,
    StoredExpertInvalid,
    VersionConflict,
    VersionUnknown,
)
from experts.catalogue.expert import Expert

MAX_VERSION = 2**31 - 1
LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ExpertVersion:
    """One stored version of one expert.

    Args:
        id: The expert's id.
        version: Number of this version, from 1.
        head: Number of the version in force.
        spec: The entry as JSON values.
        created_at: When this version was stored.
        created_by: Who stored it.
        comment: Why, where that was said.
        retired: Whether the expert is gone from the catalogue.
    """

    id: str
    version: int
    head: int
    spec: Mapping[str, Any]
    created_at: datetime
    created_by: str
    comment: str
    retired: bool

    def expert(self) -> Expert:
        """Return the entry.

        Fields that a newer release added are left out, so that replicas of two releases can run
        side by side while one replaces the other.

        Raises:
            StoredExpertInvalid: If this release does not accept the entry.
        """
        try:
            return Expert.model_validate(self.spec, extra="ignore")
        except ValidationError as error:
            raise StoredExpertInvalid(self.id, self.version) from error


async def revision(connection: AsyncConnection) -> int:
    """Return the revision of the catalogue; it grows with every change."""
    return int(await connection.scalar(sa.select(tables.catalogue_state.c.revision)) or 0)


async def lock(connection: AsyncConnection) -> int:
    """Wait until no other writer is at work, keep others out until commit; return the revision.

    Raises:
        OperationalError: If another writer does not finish within ``LOCK_SECONDS``.
    """
    milliseconds = str(int(LOCK_SECONDS * 1000))
    await connection.execute(sa.select(sa.func.set_config("lock_timeout", milliseconds, True)))
    return int(
        await connection.scalar(sa.select(tables.catalogue_state.c.revision).with_for_update()) or 0
    )


async def bump(connection: AsyncConnection) -> int:
    """Count one change and return the new revision. Call it under :func:`lock`."""
    state = tables.catalogue_state
    statement = sa.update(state).values(revision=state.c.revision + 1).returning(state.c.revision)
    return int((await connection.execute(statement)).scalar_one())


async def heads(
    connection: AsyncConnection, *, limit: int | None = None, after: str = ""
) -> list[ExpertVersion]:
    """Return the versions in force of all experts that are not retired, by id.

    Args:
        connection: Where to read.
        limit: How many at most.
        after: Only ids that come after this one.
    """
    statement = _versions_with_heads(_IS_HEAD).where(
        tables.experts.c.retired_at.is_(None), tables.experts.c.id > after
    )
    rows = await connection.execute(statement.order_by(tables.experts.c.id).limit(limit))
    return [_stored(row) for row in rows]


async def get(
    connection: AsyncConnection, expert_id: str, version: int | None = None
) -> ExpertVersion:
    """Return one version of an expert; without a number the one in force.

    Raises:
        ExpertUnknown: If there is none with this id, or, asked for the one in force, it is retired.
        VersionUnknown: If the expert has no such version.
    """
    if version is None:
        stored = await _head(connection, expert_id)
        if stored is None or stored.retired:
            raise ExpertUnknown(expert_id)
        return stored
    wanted = sa.and_(tables.expert_versions.c.version == version, _BELONGS)
    statement = _versions_with_heads(wanted).where(tables.experts.c.id == expert_id)
    row = (await connection.execute(statement)).one_or_none()
    if row is not None:
        return _stored(row)
    if await _head(connection, expert_id) is None:
        raise ExpertUnknown(expert_id)
    raise VersionUnknown(expert_id, version)


async def versions(
    connection: AsyncConnection, expert_id: str, *, limit: int, before: int | None = None
) -> list[ExpertVersion]:
    """Return versions of an expert, retired or not, the newest first.

    Args:
        connection: Where to read.
        expert_id: Whose.
        limit: How many at most.
        before: Only versions with a smaller number.

    Raises:
        ExpertUnknown: If there never was an expert with this id.
    """
    number = tables.expert_versions.c.version
    statement = _versions_with_heads(_BELONGS).where(tables.experts.c.id == expert_id)
    if before is not None:
        statement = statement.where(number < before)
    rows = await connection.execute(statement.order_by(number.desc()).limit(limit))
    found = [_stored(row) for row in rows]
    if not found and await _head(connection, expert_id) is None:
        raise ExpertUnknown(expert_id)
    return found


async def create(
    connection: AsyncConnection, expert: Expert, *, by: str, comment: str = ""
) -> ExpertVersion:
    """Store a new expert. One that was retired comes back, its history continued.

    Args:
        connection: Where to write.
        expert: The entry.
        by: Who does it, up to 200 characters.
        comment: Why, up to 1,000 characters.

    Raises:
        ExpertExists: If one with this id is in the catalogue.
    """
    await lock(connection)
    present = await _head(connection, expert.id)
    if present is not None and not present.retired:
        raise ExpertExists(expert.id)
    return await _write_one(connection, expert, by=by, comment=comment)


async def update(
    connection: AsyncConnection,
    expert: Expert,
    *,
    by: str,
    comment: str = "",
    expected: int | None = None,
) -> ExpertVersion:
    """Store a new version of an expert; where nothing differs, return the present one.

    Args:
        connection: Where to write.
        expert: The entry as it shall be.
        by: Who does it.
        comment: Why.
        expected: The version the caller looked at, where it minds a change in between.

    Raises:
        ExpertUnknown: If there is none with this id, or it is retired.
        VersionConflict: If another version than the expected one is in force.
    """
    await lock(connection)
    present = await get(connection, expert.id)
    if expected is not None and present.version != expected:
        raise VersionConflict(expert.id, expected, present.version)
    if not _differs(present, expert):
        return present
    return await _write_one(connection, expert, by=by, comment=comment)


async def authors(connection: AsyncConnection) -> frozenset[str]:
    """Return everybody who ever stored or retired an expert."""
    stored = sa.select(tables.expert_versions.c.created_by)
    retired = sa.select(tables.experts.c.retired_by).where(tables.experts.c.retired_by.is_not(None))
    return frozenset(await connection.scalars(sa.union(stored, retired)))


async def retire(connection: AsyncConnection, expert_id: str, *, by: str) -> None:
    """Take an expert out of the catalogue; its history is kept.

    Raises:
        ExpertUnknown: If there is none with this id, or it is retired already.
    """
    await lock(connection)
    await get(connection, expert_id)
    await _retire(connection, [expert_id], by=by)
    await bump(connection)


async def rollback(
    connection: AsyncConnection, expert_id: str, version: int, *, by: str
) -> ExpertVersion:
    """Put the content of an old version in force again, as a new version.

    A retired expert comes back. Where the version in force has that content already, nothing
    happens and it is returned.

    Raises:
        ExpertUnknown: If there never was an expert with this id.
        VersionUnknown: If it has no such version.
        StoredExpertInvalid: If this release does not accept the old entry.
    """
    await lock(connection)
    old = await get(connection, expert_id, version)
    expert = old.expert()
    present = await _head(connection, expert_id)
    if present is not None and not present.retired and not _differs(present, expert):
        return present
    return await _write_one(connection, expert, by=by, comment=f"rolled back to version {version}")


async def apply(
    connection: AsyncConnection,
    wanted: Sequence[Expert],
    *,
    by: str,
    prune: bool = False,
    dry_run: bool = False,
    comment: str = "",
) -> list[Change]:
    """Make the catalogue hold the wanted experts, all or nothing.

    Args:
        connection: Where to write.
        wanted: Experts with distinct ids.
        by: Who does it.
        prune: Whether to retire experts that are not among them.
        dry_run: Whether only to say what would change.
        comment: Why.

    Returns:
        What changed, or would change.
    """
    if not dry_run:
        await lock(connection)
    present = {stored.id: _comparable(stored) for stored in await heads(connection)}
    planned = changes.plan(present, wanted, prune=prune)
    if dry_run:
        return planned
    written = {change.id for change in planned if change.action in {"create", "update"}}
    gone = [change.id for change in planned if change.action == "retire"]
    if written:
        await _write(connection, [e for e in wanted if e.id in written], by=by, comment=comment)
    if gone:
        await _retire(connection, gone, by=by)
    if written or gone:
        await bump(connection)
    return planned


_IS_HEAD: sa.ColumnElement[bool] = sa.and_(
    tables.expert_versions.c.expert_id == tables.experts.c.id,
    tables.expert_versions.c.version == tables.experts.c.head_version,
)
_BELONGS: sa.ColumnElement[bool] = tables.expert_versions.c.expert_id == tables.experts.c.id


def _versions_with_heads(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(
        tables.expert_versions, tables.experts.c.head_version, tables.experts.c.retired_at
    ).join(tables.experts, condition)


def _stored(row: sa.Row[Any]) -> ExpertVersion:
    return ExpertVersion(
        id=row.expert_id,
        version=row.version,
        head=row.head_version,
        spec=row.spec,
        created_at=row.created_at,
        created_by=row.created_by,
        comment=row.comment,
        retired=row.retired_at is not None,
    )


async def _head(connection: AsyncConnection, expert_id: str) -> ExpertVersion | None:
    statement = _versions_with_heads(_IS_HEAD).where(tables.experts.c.id == expert_id)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else _stored(row)


def _comparable(stored: ExpertVersion) -> Mapping[str, Any]:
    """Return the stored entry as this release would store it, new fields at their defaults."""
    try:
        return changes.spec_of(stored.expert())
    except StoredExpertInvalid:
        return stored.spec


def _differs(stored: ExpertVersion, expert: Expert) -> bool:
    return bool(changes.difference(_comparable(stored), changes.spec_of(expert)))


async def _write_one(
    connection: AsyncConnection, expert: Expert, *, by: str, comment: str
) -> ExpertVersion:
    await _write(connection, [expert], by=by, comment=comment)
    await bump(connection)
    return await get(connection, expert.id)


async def _write(
    connection: AsyncConnection, experts: Sequence[Expert], *, by: str, comment: str
) -> None:
    """Store one new version of each expert and make it the head."""
    table = tables.experts
    newest = await _newest_versions(connection, [expert.id for expert in experts])
    numbers = {expert.id: newest.get(expert.id, 0) + 1 for expert in experts}
    statement = upsert(table)
    statement = statement.on_conflict_do_update(
        index_elements=[table.c.id],
        set_={
            "head_version": statement.excluded.head_version,
            "updated_at": sa.func.now(),
            "retired_at": None,
        },
    )
    await connection.execute(
        statement, [{"id": name, "head_version": number} for name, number in numbers.items()]
    )
    rows = []
    for expert in experts:
        spec = changes.spec_of(expert)
        rows.append(
            {
                "expert_id": expert.id,
                "version": numbers[expert.id],
                "spec": spec,
                "content_hash": changes.content_hash(spec),
                "created_by": by,
                "comment": comment,
            }
        )
    await connection.execute(sa.insert(tables.expert_versions), rows)


async def _newest_versions(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    columns = tables.expert_versions.c
    statement = (
        sa.select(columns.expert_id, sa.func.max(columns.version))
        .where(columns.expert_id.in_(ids))
        .group_by(columns.expert_id)
    )
    return {row[0]: row[1] for row in await connection.execute(statement)}


async def _retire(connection: AsyncConnection, ids: Sequence[str], *, by: str) -> None:
    table = tables.experts
    await connection.execute(
        sa.update(table)
        .where(table.c.id.in_(ids))
        .values(retired_at=sa.func.now(), updated_at=sa.func.now(), retired_by=by)
    )
