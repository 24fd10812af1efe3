"""Whether a tenant wants prompts and answers to be stored. Unless it says so, none are."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants.tables import tenants


async def stores_content(connection: AsyncConnection, tenant: str) -> bool | None:
    """Tell whether a tenant has opted in to storing what is said; ``None``: no such tenant."""
    query = sa.select(tenants.c.store_content).where(tenants.c.id == tenant)
    found: bool | None = await connection.scalar(query)
    return found


async def set_stores_content(connection: AsyncConnection, tenant: str, *, store: bool) -> bool:
    """Opt a tenant in or out; returns whether there is such a tenant."""
    statement = sa.update(tenants).where(tenants.c.id == tenant).values(store_content=store)
    return (await connection.execute(statement)).rowcount > 0


async def storing(connection: AsyncConnection, names: Iterable[str]) -> frozenset[str]:
    """Return those of some tenants that have opted in; until commit, none of them can opt out."""
    wanted = sorted(set(names))
    if not wanted:
        return frozenset()
    query = sa.select(tenants.c.id).where(tenants.c.id.in_(wanted), tenants.c.store_content)
    return frozenset(
        await connection.scalars(query.order_by(tenants.c.id).with_for_update(read=True))
    )
