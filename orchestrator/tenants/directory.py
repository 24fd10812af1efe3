"""The tenants: whose keys, limits and records are kept apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.tenants.records import TenantRecord, kept, tenant_record
from orchestrator.tenants.tables import tenants


class Tenants:
    """Makes, changes and lists tenants.

    Args:
        engine: Where they are kept.
        changed: Reads keys anew on every replica, since a tenant's hold for all of its own.
    """

    def __init__(self, engine: AsyncEngine, changed: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        self._changed = changed

    async def list(self, limit: int, after: str | None) -> list[TenantRecord]:
        """Return up to ``limit`` tenants by id, those after the id ``after``."""
        query = sa.select(tenants).order_by(tenants.c.id).limit(limit)
        if after is not None:
            query = query.where(tenants.c.id > after)
        async with self._engine.connect() as connection:
            return [tenant_record(row) for row in (await connection.execute(query)).mappings()]

    async def get(self, tenant: str) -> TenantRecord | None:
        """Return a tenant, or ``None`` if there is none of that id."""
        query = sa.select(tenants).where(tenants.c.id == tenant)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else tenant_record(row)

    async def put(self, tenant: str, changes: Mapping[str, Any]) -> TenantRecord:
        """Make a tenant, or change what is said of it.

        Args:
            tenant: Its id.
            changes: ``name``, ``experts``, ``policies``, ``suspended``; what is left out stays.
        """
        values: dict[str, Any] = {
            name: kept(value) if name in {"experts", "policies"} else value
            for name, value in changes.items()
            if name != "suspended"
        }
        if "suspended" in changes:
            since = sa.func.coalesce(tenants.c.suspended_at, datetime.now(UTC))
            values["suspended_at"] = since if changes["suspended"] else None
        query = sa.select(tenants).where(tenants.c.id == tenant)
        async with self._engine.begin() as connection:
            await connection.execute(insert(tenants).values(id=tenant).on_conflict_do_nothing())
            if values:
                await connection.execute(
                    sa.update(tenants).where(tenants.c.id == tenant).values(**values)
                )
            row = (await connection.execute(query)).mappings().one()
        await self._changed()
        return tenant_record(row)
