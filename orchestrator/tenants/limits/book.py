"""The book of limits: all of them in memory, so that a request needs no database to know its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.tenants.limits.tables import limits as table
from orchestrator.tenants.limits.values import LIMIT_NAMES, TENANT, Limits, Scope
from orchestrator.tenants.tables import api_keys, tenants

TOPIC = "limits"

Scopes = tuple[Scope, ...]
_NONE: Scopes = ()


class NoSuchSubject(Exception):
    """There is no such tenant or key."""


@dataclass(frozen=True, slots=True)
class LimitRecord:
    """Limits as they are kept.

    Args:
        tenant: Whose they are, or whose key's.
        scope: ``tenant``, or the id of the key.
        limits: The limits.
        changed_at: When they were set.
        changed_by: Id of the key that set them.
    """

    tenant: str
    scope: str
    limits: Limits
    changed_at: datetime
    changed_by: str


class LimitBook:
    """Keeps limits and knows those of every request.

    Args:
        engine: Where limits are kept.
        announce: Tells the other replicas of a change.
    """

    def __init__(self, engine: AsyncEngine, announce: Callable[[str], Awaitable[None]]) -> None:
        self._engine = engine
        self._announce = announce
        self._by_tenant: dict[str, dict[str, Scope]] = {}
        self._refreshing = asyncio.Lock()

    def scopes(self, tenant: str, key_id: str) -> Scopes:
        """Return whose limits hold for a request, the tenant's first; empty: nothing is limited."""
        found = self._by_tenant.get(tenant)
        if found is None:
            return _NONE
        return tuple(found[name] for name in (TENANT, key_id) if name in found)

    @property
    def any(self) -> bool:
        """Whether anybody's use is limited."""
        return bool(self._by_tenant)

    def budgeted(self) -> dict[str, list[str]]:
        """Return, by tenant, the scopes whose money is limited."""
        found = {
            tenant: [scope.name for scope in scopes.values() if scope.limits.budgeted]
            for tenant, scopes in self._by_tenant.items()
        }
        return {tenant: names for tenant, names in found.items() if names}

    async def refresh(self) -> None:
        """Read all limits anew."""
        # One after the other, so that what was read first is not what stays.
        async with self._refreshing:
            self._by_tenant = await self._read()

    async def _read(self) -> dict[str, dict[str, Scope]]:
        async with self._engine.connect() as connection:
            records = [
                record_of(row) for row in (await connection.execute(sa.select(table))).mappings()
            ]
        by_tenant: dict[str, dict[str, Scope]] = {}
        for record in records:
            if record.limits:
                scope = Scope(record.scope, record.limits)
                by_tenant.setdefault(record.tenant, {})[record.scope] = scope
        return by_tenant

    async def list(self, limit: int, after: tuple[str, str] | None) -> list[LimitRecord]:
        """Return up to ``limit`` records by tenant and scope, those after that one."""
        query = sa.select(table).order_by(_tenant, table.c.scope).limit(limit)
        if after is not None:
            place = sa.tuple_(sa.literal(after[0], _C), sa.literal(after[1], _C))
            query = query.where(sa.tuple_(_tenant, table.c.scope) > place)
        async with self._engine.connect() as connection:
            return [record_of(row) for row in (await connection.execute(query)).mappings()]

    async def get(self, tenant: str, scope: str) -> LimitRecord | None:
        """Return the limits of a tenant or a key of its, ``None`` where none are set."""
        query = sa.select(table).where(table.c.tenant == tenant, table.c.scope == scope)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else record_of(row)

    async def tenant_of(self, key_id: str) -> str:
        """Return whose key it is.

        Raises:
            NoSuchSubject: If there is no such key.
        """
        query = sa.select(api_keys.c.tenant).where(api_keys.c.id == key_id)
        async with self._engine.connect() as connection:
            tenant: str | None = await connection.scalar(query)
        if tenant is None:
            raise NoSuchSubject(key_id)
        return tenant

    async def put(self, tenant: str, scope: str, wanted: Limits, by: str) -> LimitRecord:
        """Set the limits of a tenant, or of a key of its; in force everywhere within a second.

        Raises:
            NoSuchSubject: If there is no such tenant.
        """
        values = {**asdict(wanted), "changed_at": sa.func.now(), "changed_by": by}
        statement = insert(table).values(tenant=tenant, scope=scope, **values)
        statement = statement.on_conflict_do_update(index_elements=["tenant", "scope"], set_=values)
        async with self._engine.begin() as connection:
            await _check_tenant(connection, tenant)
            row = (await connection.execute(statement.returning(table))).mappings().one()
        await self._changed()
        return record_of(row)

    async def delete(self, tenant: str, scope: str) -> bool:
        """Take limits away; tells whether there were any."""
        statement = sa.delete(table).where(table.c.tenant == tenant, table.c.scope == scope)
        async with self._engine.begin() as connection:
            found = (await connection.execute(statement)).rowcount > 0
        if found:
            await self._changed()
        return found

    async def _changed(self) -> None:
        await self.refresh()
        await self._announce(TOPIC)


_C = sa.Text(collation="C")
_tenant = sa.collate(table.c.tenant, "C")


async def _check_tenant(connection: AsyncConnection, tenant: str) -> None:
    if await connection.scalar(sa.select(tenants.c.id).where(tenants.c.id == tenant)) is None:
        raise NoSuchSubject(tenant)


def record_of(row: Any) -> LimitRecord:
    """Return a row as a record."""
    return LimitRecord(
        tenant=row["tenant"],
        scope=row["scope"],
        limits=Limits(**{name: row[name] for name in LIMIT_NAMES}),
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )
