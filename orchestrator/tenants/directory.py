"""The tenants: whose keys, limits and records are kept apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.tenants import tenant_list
from orchestrator.tenants.records import TenantRecord, kept
from orchestrator.tenants.tables import tenants
from orchestrator.tenants.tenant_list import TenantQuestion


class Tenants:
    """Makes, changes and lists tenants.

    Args:
        engine: Where they are kept.
        changed: Reads keys anew on every replica, since a tenant's hold for all of its own.
    """

    def __init__(self, engine: AsyncEngine, changed: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        self._changed = changed

    async def list(
        self, limit: int, after: str | None = None, question: TenantQuestion | None = None
    ) -> tuple[list[TenantRecord], int]:
        """Return up to ``limit`` tenants, those after the id ``after``, and how many there are in all.

        Args:
            limit: How many at most.
            after: Id of the tenant to go on after.
            question: Which, and in what order; all by id, unless given.
        """
        asked = question or TenantQuestion()
        async with self._engine.connect() as connection:
            found = await tenant_list.some(connection, asked, limit, after)
            return found, await tenant_list.how_many(connection, asked)

    async def get(self, tenant: str) -> TenantRecord | None:
        """Return a tenant, or ``None`` if there is none of that id."""
        async with self._engine.connect() as connection:
            return await tenant_list.one(connection, tenant)

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
        async with self._engine.begin() as connection:
            await connection.execute(insert(tenants).values(id=tenant).on_conflict_do_nothing())
            if values:
                await connection.execute(
                    sa.update(tenants).where(tenants.c.id == tenant).values(**values)
                )
            record = await tenant_list.one(connection, tenant)
        if record is None:
            raise LookupError(f"{tenant} is not there, though it was just made")
        await self._changed()
        return record
