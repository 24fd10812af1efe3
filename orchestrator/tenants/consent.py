"""Whether a tenant wants prompts and answers to be stored. Unless it says so, none are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants.content import ContentChoice
from orchestrator.tenants.tables import tenants

COLUMNS = (tenants.c.content_level, tenants.c.content_days, tenants.c.content_patterns)


def choice_of(row: Mapping[Any, Any]) -> ContentChoice:
    """Return the choice in a row that has :data:`COLUMNS`."""
    patterns = tuple(row["content_patterns"] or ())
    return ContentChoice(row["content_level"], row["content_days"], patterns)


async def content_choice(connection: AsyncConnection, tenant: str) -> ContentChoice | None:
    """Return what a tenant lets be stored; ``None``: no such tenant."""
    query = sa.select(*COLUMNS).where(tenants.c.id == tenant)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else choice_of(row)


async def choose_content(connection: AsyncConnection, tenant: str, choice: ContentChoice) -> bool:
    """Store a tenant's choice; returns whether there is such a tenant."""
    statement = (
        sa.update(tenants)
        .where(tenants.c.id == tenant)
        .values(
            content_level=choice.level,
            content_days=choice.days,
            content_patterns=list(choice.patterns) or None,
        )
    )
    return (await connection.execute(statement)).rowcount > 0


async def storing(connection: AsyncConnection, names: Iterable[str]) -> Mapping[str, ContentChoice]:
    """Return the choices of those of some tenants that have opted in, by id.

    Until commit, none of them can opt out.
    """
    wanted = sorted(set(names))
    if not wanted:
        return {}
    query = (
        sa.select(tenants.c.id, *COLUMNS)
        .where(tenants.c.id.in_(wanted), tenants.c.content_level != "off")
        .order_by(tenants.c.id)
        .with_for_update(read=True)
    )
    return {row["id"]: choice_of(row) for row in (await connection.execute(query)).mappings()}


async def retained(connection: AsyncConnection) -> Mapping[str, int]:
    """Return the days that tenants let content be kept, by id, of those that limit them."""
    query = sa.select(tenants.c.id, tenants.c.content_days).where(
        tenants.c.content_days.is_not(None)
    )
    return {row.id: row.content_days for row in await connection.execute(query)}
