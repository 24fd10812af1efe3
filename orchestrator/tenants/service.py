"""The key ring: every live key in memory, so that a request needs no database to be known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.ids import uuid7
from orchestrator.tenants.keys import Principal, Role, generate_key, hash_key, shown_prefix
from orchestrator.tenants.tables import api_keys, tenants

TOPIC = "keys"
DEFAULT_TENANT = "default"
_LIVE = (
    sa.select(api_keys, tenants.c.store_content)
    .join(tenants, tenants.c.id == api_keys.c.tenant)
    .where(api_keys.c.revoked_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What may be seen of a key after it was made."""

    id: str
    name: str
    prefix: str
    role: Role
    tenant: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    experts: list[str] | None


class KeyRing:
    """Makes, revokes and recognises keys.

    Args:
        engine: Where keys are kept.
        announce: Tells the other replicas of a change.
    """

    def __init__(self, engine: AsyncEngine, announce: Callable[[str], Awaitable[None]]) -> None:
        self._engine = engine
        self._announce = announce
        self._by_hash: dict[bytes, Principal] = {}

    def find(self, key: str) -> Principal | None:
        """Return who a key belongs to, or ``None`` if it is unknown, revoked or expired."""
        principal = self._by_hash.get(hash_key(key))
        if principal is None:
            return None
        if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
            return None
        return principal

    async def refresh(self) -> None:
        """Read all live keys anew."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_LIVE)).mappings().all()
        self._by_hash = {bytes(row["hash"]): _principal(row) for row in rows}

    async def find_fresh(self, key: str) -> Principal | None:
        """Look in the database for a key that memory does not know: it may be a moment old."""
        query = _LIVE.where(api_keys.c.hash == hash_key(key))
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        self._by_hash = {**self._by_hash, bytes(row["hash"]): _principal(row)}
        return self.find(key)

    async def create(
        self,
        *,
        name: str,
        role: Role,
        tenant: str = DEFAULT_TENANT,
        expires_at: datetime | None = None,
        experts: Sequence[str] | None = None,
        created_by: str,
    ) -> tuple[KeyRecord, str]:
        """Make a key; returns its record and the key itself, which cannot be had again.

        Args:
            name: For people.
            role: What it may do.
            tenant: Whose requests it makes.
            expires_at: When it stops to work, ``None``: never.
            experts: Ids of the experts that may answer, ``None``: all.
            created_by: Who makes it.
        """
        key = generate_key()
        row = {
            "id": f"key_{uuid7().hex}",
            "tenant": tenant,
            "name": name,
            "prefix": shown_prefix(key),
            "hash": hash_key(key),
            "role": role.value,
            "created_at": datetime.now(UTC),
            "created_by": created_by,
            "expires_at": expires_at,
            "experts": _kept(experts),
        }
        async with self._engine.begin() as connection:
            await connection.execute(insert(tenants).values(id=tenant).on_conflict_do_nothing())
            await connection.execute(insert(api_keys).values(row))
        await self.changed()
        return _record({**row, "revoked_at": None}), key

    async def allow(self, key_id: str, experts: Sequence[str] | None) -> KeyRecord | None:
        """Choose the experts that may answer a live key, ``None``: all.

        Returns:
            The key's record, or ``None`` if there is no live key of that id.
        """
        statement = (
            sa.update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(experts=_kept(experts))
            .returning(api_keys)
        )
        async with self._engine.begin() as connection:
            row = (await connection.execute(statement)).mappings().first()
        if row is None:
            return None
        await self.changed()
        return _record(row)

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key for good; returns False if there is no live key of that id."""
        statement = (
            sa.update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=datetime.now(UTC))
        )
        async with self._engine.begin() as connection:
            found = (await connection.execute(statement)).rowcount > 0
        if found:
            await self.changed()
        return found

    async def list(self, limit: int, after: str | None) -> list[KeyRecord]:
        """Return up to ``limit`` keys in order of their making, those after the id ``after``."""
        query = sa.select(api_keys).order_by(api_keys.c.id).limit(limit)
        if after is not None:
            query = query.where(api_keys.c.id > after)
        async with self._engine.connect() as connection:
            return [_record(row) for row in (await connection.execute(query)).mappings()]

    async def ensure_admin(self) -> str | None:
        """Make the first admin key if there has never been one; returns it then."""
        async with self._engine.begin() as connection:
            # Replicas that start together must not each make one.
            await connection.execute(sa.text("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE"))
            if (await connection.execute(sa.select(api_keys.c.id).limit(1))).first():
                return None
            key = generate_key()
            await connection.execute(
                insert(tenants).values(id=DEFAULT_TENANT).on_conflict_do_nothing()
            )
            await connection.execute(
                insert(api_keys).values(
                    id=f"key_{uuid7().hex}",
                    tenant=DEFAULT_TENANT,
                    name="first admin",
                    prefix=shown_prefix(key),
                    hash=hash_key(key),
                    role=Role.ADMIN.value,
                    created_by="first start",
                )
            )
        await self.changed()
        return key

    async def changed(self) -> None:
        """Read all keys anew, here and on every replica."""
        await self.refresh()
        await self._announce(TOPIC)


def _principal(row: Any) -> Principal:
    return Principal(
        key_id=row["id"],
        name=row["name"],
        tenant=row["tenant"],
        role=Role(row["role"]),
        expires_at=row["expires_at"],
        experts=None if row["experts"] is None else frozenset(row["experts"]),
        stores_content=row["store_content"],
    )


def _kept(experts: Sequence[str] | None) -> list[str] | None:
    return None if experts is None else sorted(set(experts))


def _record(row: Any) -> KeyRecord:
    return KeyRecord(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        role=Role(row["role"]),
        tenant=row["tenant"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        experts=row["experts"],
    )
