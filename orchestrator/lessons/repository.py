"""Reads and writes lessons (Postgres)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.lessons.tables import lessons

MOST_IN_CATEGORY = 200
"""Lessons of one tenant and category; the newest stay."""
MOST_OF_TENANT = 2000

_own = lessons.c


async def newest(connection: AsyncConnection, tenant: str, category: str) -> list[dict[str, Any]]:
    """Return the lessons of a tenant and category, the newest first."""
    query = (
        sa.select(_own.task, _own.answer, _own.warning)
        .where(_own.tenant == tenant, _own.category == category)
        .order_by(_own.id.desc())
        .limit(MOST_IN_CATEGORY)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def put(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """Store a lesson in place of what was known of the same task; the oldest make room."""
    statement = insert(lessons).values(**row, created_at=sa.func.now())
    new = {name: statement.excluded[name] for name in ("id", "answer", "warning", "created_at")}
    await connection.execute(statement.on_conflict_do_update(constraint="lessons_once", set_=new))
    mine = _own.tenant == row["tenant"]
    await _keep(connection, sa.and_(mine, _own.category == row["category"]), MOST_IN_CATEGORY)
    await _keep(connection, mine, MOST_OF_TENANT)


async def page(
    connection: AsyncConnection,
    *,
    limit: int,
    after: str | None,
    tenant: str | None = None,
    category: str | None = None,
) -> list[dict[str, Any]]:
    """Return lessons, the newest first, those before the id ``after``."""
    query = sa.select(lessons).order_by(_own.id.desc()).limit(limit)
    for column, wanted in ((_own.tenant, tenant), (_own.category, category)):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        query = query.where(_own.id < after)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def delete(connection: AsyncConnection, lesson_id: str) -> bool:
    """Forget a lesson; returns whether there was one."""
    statement = sa.delete(lessons).where(_own.id == lesson_id)
    return (await connection.execute(statement)).rowcount > 0


async def erase(connection: AsyncConnection, tenant: str) -> None:
    """Forget all lessons of a tenant."""
    await connection.execute(sa.delete(lessons).where(_own.tenant == tenant))


async def _keep(connection: AsyncConnection, which: sa.ColumnElement[bool], most: int) -> None:
    newest_too_old = (
        sa.select(_own.id).where(which).order_by(_own.id.desc()).offset(most).limit(1)
    ).scalar_subquery()
    await connection.execute(sa.delete(lessons).where(which, _own.id <= newest_too_old))
