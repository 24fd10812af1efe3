"""What tenants want of caches: all of it in memory, so that a request needs no database to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.caching.choice import Choice
from orchestrator.caching.tables import choices as table
from orchestrator.tenants.tables import tenants

TOPIC = "caching"
_NAMES = tuple(one.name for one in fields(Choice))


class NoSuchTenant(Exception):
    """There is no such tenant."""


@dataclass(frozen=True, slots=True)
class ChoiceRecord:
    """A choice as it is kept.

    Args:
        tenant: Whose it is.
        choice: What it wants.
        changed_at: When that was set.
        changed_by: Id of the key that set it.
    """

    tenant: str
    choice: Choice
    changed_at: datetime
    changed_by: str


class ChoiceBook:
    """Keeps what tenants want of caches.

    Args:
        engine: Where it is kept.
        announce: Tells the other replicas of a change.
        usual: What a tenant that has said nothing wants.
    """

    def __init__(
        self, engine: AsyncEngine, announce: Callable[[str], Awaitable[None]], usual: Choice
    ) -> None:
        self.usual = usual
        self._engine = engine
        self._announce = announce
        self._by_tenant: dict[str, Choice] = {}
        self._refreshing = asyncio.Lock()

    def of(self, tenant: str) -> Choice:
        """Return what a tenant wants."""
        return self._by_tenant.get(tenant, self.usual)

    def similar(self) -> dict[str, Choice]:
        """Return the tenants for which the answer to a request that is only alike will do."""
        return {
            tenant: choice
            for tenant, choice in self._by_tenant.items()
            if choice.similar and choice.mode != "off"
        }

    async def refresh(self) -> None:
        """Read all of it anew."""
        # One after the other, so that what was read first is not what stays.
        async with self._refreshing:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(sa.select(table))).mappings().all()
            self._by_tenant = {row["tenant"]: _record(row).choice for row in rows}

    async def list(self, limit: int, after: str | None) -> list[ChoiceRecord]:
        """Return up to ``limit`` records by tenant, those after that one."""
        query = sa.select(table).order_by(table.c.tenant).limit(limit)
        if after is not None:
            query = query.where(table.c.tenant > after)
        async with self._engine.connect() as connection:
            return [_record(row) for row in (await connection.execute(query)).mappings()]

    async def get(self, tenant: str) -> ChoiceRecord | None:
        """Return what a tenant has said, ``None`` where it has said nothing."""
        query = sa.select(table).where(table.c.tenant == tenant)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _record(row)

    async def knows(self, tenant: str) -> bool:
        """Tell whether there is such a tenant."""
        known = sa.select(tenants.c.id).where(tenants.c.id == tenant)
        async with self._engine.connect() as connection:
            return await connection.scalar(known) is not None

    async def put(self, tenant: str, wanted: Choice, by: str) -> ChoiceRecord:
        """Set what a tenant wants; in force everywhere within a second.

        Raises:
            NoSuchTenant: If there is no such tenant.
        """
        values = {**asdict(wanted), "changed_at": sa.func.now(), "changed_by": by}
        statement = insert(table).values(tenant=tenant, **values)
        statement = statement.on_conflict_do_update(index_elements=["tenant"], set_=values)
        async with self._engine.begin() as connection:
            known = sa.select(tenants.c.id).where(tenants.c.id == tenant)
            if await connection.scalar(known) is None:
                raise NoSuchTenant(tenant)
            row = (await connection.execute(statement.returning(table))).mappings().one()
        await self._changed()
        return _record(row)

    async def delete(self, tenant: str) -> bool:
        """Let a tenant have what is usual; tells whether it had anything else."""
        statement = sa.delete(table).where(table.c.tenant == tenant)
        async with self._engine.begin() as connection:
            found = (await connection.execute(statement)).rowcount > 0
        if found:
            await self._changed()
        return found

    async def _changed(self) -> None:
        await self.refresh()
        await self._announce(TOPIC)


def _record(row: Any) -> ChoiceRecord:
    return ChoiceRecord(
        tenant=row["tenant"],
        choice=Choice(**{name: row[name] for name in _NAMES}),
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )
