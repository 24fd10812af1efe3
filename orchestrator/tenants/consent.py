"""Whether a tenant wants prompts and answers to be stored. Unless it says so, none are."""

from __future__ import annotations

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
