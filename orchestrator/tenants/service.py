"""The key ring: every live key in memory, so that a request needs no database to be known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.kit.ids import uuid7
from orchestrator.tenants import key_list, recognising
from orchestrator.tenants.key_list import KeyQuestion
from orchestrator.tenants.keys import Principal, Role, generate_key, hash_key, shown_prefix
from orchestrator.tenants.records import KeyRecord, kept
from orchestrator.tenants.sightings import Sightings
from orchestrator.tenants.tables import api_keys, tenants

TOPIC = "keys"
DEFAULT_TENANT = "default"


class KeyRing:
    """Makes, changes, revokes and recognises keys; recognises sessions too.

    Args:
        engine: Where keys are kept.
        announce: Tells the other replicas of a change.
    """

    def __init__(self, engine: AsyncEngine, announce: Callable[[str], Awaitable[None]]) -> None:
        self._engine = engine
        self._announce = announce
        self._by_hash: Mapping[bytes, Principal] = {}
        self._refreshing = asyncio.Lock()
        self.sightings = Sightings(engine)

    def find(self, key: str) -> Principal | None:
        """Return who a key belongs to, or ``None`` if it is unknown, revoked or expired."""
        principal = self._by_hash.get(hash_key(key))
        if principal is None:
            return None
        if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
            return None
        self.sightings.saw(principal)
        return principal

    async def refresh(self) -> None:
        """Read all live keys anew."""
        # One after the other, so that what was read first is not what stays.
        async with self._refreshing, self._engine.connect() as connection:
            self._by_hash = await recognising.everyone(connection)

    async def find_fresh(self, key: str) -> Principal | None:
        """Look in the database for a key that memory does not know: it may be a moment old."""
        async with self._engine.connect() as connection:
            found = await recognising.owner_of(connection, hash_key(key))
        self._by_hash = {**self._by_hash, **found}
        return self.find(key)

    async def create(
        self,
        *,
        name: str,
        role: Role,
        tenant: str = DEFAULT_TENANT,
        expires_at: datetime | None = None,
        experts: Sequence[str] | None = None,
        policies: Sequence[str] | None = None,
        created_by: str,
    ) -> tuple[KeyRecord, str]:
        """Make a key; returns its record and the key itself, which cannot be had again.

        Args:
            name: For people.
            role: What it may do.
            tenant: Whose requests it makes.
            expires_at: When it stops to work, ``None``: never.
            experts: Ids of the experts that may answer, ``None``: all.
            policies: Policies it may ask for, ``None``: all.
            created_by: Who makes it.
        """
        async with self._engine.begin() as connection:
            record, key = await _made(
                connection,
                generate_key(),
                name=name,
                role=role.value,
                tenant=tenant,
                expires_at=expires_at,
                experts=kept(experts),
                policies=kept(policies),
                created_by=created_by,
            )
        await self.changed()
        return record, key

    async def change(
        self, key_id: str, changes: Mapping[str, Sequence[str] | None]
    ) -> KeyRecord | None:
        """Choose what a live key may use.

        Args:
            key_id: Its id.
            changes: ``experts`` and ``policies``, those that change; ``None``: all.

        Returns:
            The key's record, or ``None`` if there is no live key of that id.
        """
        values = {name: kept(names) for name, names in changes.items()}
        return await self._changed(key_id, values)

    async def rotate(self, key_id: str, overlap: timedelta) -> tuple[KeyRecord, str] | None:
        """Give a live key a new secret; it stays the same key, with its limits and its history.

        Args:
            key_id: Its id.
            overlap: How long the secret before still works. One before that stops at once.

        Returns:
            The key's record and the new secret, or ``None`` if there is no live key of that id.
        """
        key = generate_key()
        values = {
            "hash": hash_key(key),
            "prefix": shown_prefix(key),
            "previous_hash": api_keys.c.hash if overlap else None,
            "previous_until": datetime.now(UTC) + overlap if overlap else None,
        }
        record = await self._changed(key_id, values)
        return None if record is None else (record, key)

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key for good; returns False if there is no live key of that id."""
        return await self._changed(key_id, {"revoked_at": datetime.now(UTC)}) is not None

    async def list(
        self, limit: int, after: str | None = None, question: KeyQuestion | None = None
    ) -> tuple[list[KeyRecord], int]:
        """Return up to ``limit`` keys, those after the id ``after``, and how many there are in all.

        Args:
            limit: How many at most.
            after: Id of the key to go on after.
            question: Which, and in what order; all in order of their making, unless given.
        """
        asked = question or KeyQuestion()
        async with self._engine.connect() as connection:
            found = await key_list.some(connection, asked, limit, after)
            return found, await key_list.how_many(connection, asked)

    async def get(self, key_id: str) -> KeyRecord | None:
        """Return a key, or ``None`` if there is none of that id."""
        async with self._engine.connect() as connection:
            return await key_list.one(connection, key_id)

    async def ensure_admin(self, given: str | None = None) -> str | None:
        """Make the first admin key if there has never been one.

        Args:
            given: What it is to be; ``None``: a random one.

        Returns:
            The key, if it was made here and nobody knows it yet.
        """
        async with self._engine.begin() as connection:
            # Replicas that start together must not each make one.
            await connection.execute(sa.text("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE"))
            if (await connection.execute(sa.select(api_keys.c.id).limit(1))).first():
                return None
            _, key = await _made(
                connection,
                given or generate_key(),
                tenant=DEFAULT_TENANT,
                name="first admin",
                role=Role.ADMIN.value,
                created_by="first start",
            )
        await self.changed()
        return None if given else key

    async def changed(self) -> None:
        """Read all keys anew, here and on every replica."""
        await self.refresh()
        await self._announce(TOPIC)

    async def _changed(self, key_id: str, values: Mapping[str, Any]) -> KeyRecord | None:
        statement = (
            sa.update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(**values)
        )
        async with self._engine.begin() as connection:
            if not (await connection.execute(statement)).rowcount:
                return None
            record = await key_list.one(connection, key_id)
        await self.changed()
        return record


async def _made(connection: AsyncConnection, key: str, **fields: Any) -> tuple[KeyRecord, str]:
    """Store a new key; returns its record, and the key itself."""
    await connection.execute(insert(tenants).values(id=fields["tenant"]).on_conflict_do_nothing())
    key_id = f"key_{uuid7().hex}"
    statement = insert(api_keys).values(
        id=key_id,
        prefix=shown_prefix(key),
        hash=hash_key(key),
        created_at=datetime.now(UTC),
        **fields,
    )
    await connection.execute(statement)
    record = await key_list.one(connection, key_id)
    if record is None:
        raise LookupError(f"{key_id} is not there, though it was just made")
    return record, key
