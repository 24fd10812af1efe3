"""Sessions of people and keys: random, stored as a hash, over after a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.kit.ids import uuid7
from orchestrator.login.person import Person
from orchestrator.tenants.keys import Principal, generate_session, hash_key
from orchestrator.tenants.tables import people, sessions, tenants

_MOST = 100
"""Sessions that one person or key has at most; the oldest end."""
_LONGEST_AGENT = 300


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from.

    Args:
        address: Of the client.
        agent: What its browser calls itself.
        request_id: Of the request.
    """

    address: str
    agent: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun.

    Args:
        id: By which people may know it.
        actor: Id of the person or key.
        secret: By which it is recognised; shown to the browser alone.
        lifetime: Until it ends.
    """

    id: str
    actor: str
    secret: str
    lifetime: timedelta


class Sessions:
    """Begins and ends sessions; the key ring recognises them.

    Args:
        engine: Where they are kept.
        changed: Reads keys and sessions anew on every replica.
        lifetime: How long a session lasts.
    """

    def __init__(
        self, engine: AsyncEngine, changed: Callable[[], Awaitable[None]], lifetime: timedelta
    ) -> None:
        self._engine = engine
        self._changed = changed
        self.lifetime = lifetime

    async def begin(self, person: Person, tenant: str, caller: Caller) -> Begun:
        """Begin a session of a person.

        Args:
            person: Who.
            tenant: Whose requests people make.
            caller: Where they are.

        Raises:
            ValueError: If the person has no role.
        """
        if person.role is None:
            raise ValueError("who has no role has no session")
        seen = {"name": person.name, "seen_at": datetime.now(UTC)}
        upsert = (
            insert(people)
            .values(
                id=f"person_{uuid7().hex}", issuer=person.issuer, subject=person.subject, **seen
            )
            .on_conflict_do_update(constraint="people_once", set_=seen)
            .returning(people.c.id)
        )
        async with self._engine.begin() as connection:
            await connection.execute(insert(tenants).values(id=tenant).on_conflict_do_nothing())
            actor: str = (await connection.execute(upsert)).scalar_one()
            whose = {"person": actor, "tenant": tenant, "role": person.role.value}
            return await _begun(connection, actor, self.lifetime, caller, **whose)

    async def begin_for_key(self, principal: Principal, secret: str, caller: Caller) -> Begun:
        """Begin a session of a key; it ends with the key, or when the key has another secret.

        Args:
            principal: Whose key it is.
            secret: The key.
            caller: Where it was entered.
        """
        lifetime = self.lifetime
        if principal.expires_at is not None:
            lifetime = min(lifetime, principal.expires_at - datetime.now(UTC))
        whose = {
            "key_id": principal.key_id,
            "key_hash": hash_key(secret),
            "tenant": principal.tenant,
            "role": principal.role.value,
        }
        async with self._engine.begin() as connection:
            return await _begun(connection, principal.key_id, lifetime, caller, **whose)

    async def end(self, secret: str) -> str | None:
        """End a session; returns its id, ``None`` if there is none."""
        return await self._end(sessions.c.hash == hash_key(secret))

    async def end_by_id(self, session_id: str) -> bool:
        """End a session by its id; tells whether there was one."""
        return await self._end(sessions.c.id == session_id) is not None

    async def _end(self, which: sa.ColumnElement[bool]) -> str | None:
        statement = sa.delete(sessions).where(which).returning(sessions.c.id)
        async with self._engine.begin() as connection:
            found: str | None = await connection.scalar(statement)
        if found is not None:
            await self._changed()
        return found


async def _begun(
    connection: AsyncConnection, actor: str, lifetime: timedelta, caller: Caller, **whose: Any
) -> Begun:
    # Other replicas do not know its secret, and look it up when it first comes.
    begun = Begun(f"ses_{uuid7().hex}", actor, generate_session(), lifetime)
    now = datetime.now(UTC)
    older = (
        sa.select(sessions.c.hash)
        .where(sa.or_(sessions.c.person == actor, sessions.c.key_id == actor))
        .order_by(sessions.c.started_at.desc())
        .offset(_MOST - 1)
    )
    over = sa.or_(sessions.c.expires_at <= now, sessions.c.hash.in_(older))
    await connection.execute(sa.delete(sessions).where(over))
    await connection.execute(
        insert(sessions).values(
            id=begun.id,
            hash=hash_key(begun.secret),
            started_at=now,
            expires_at=now + lifetime,
            address=caller.address,
            agent=_storable(caller.agent),
            **whose,
        )
    )
    return begun


def _storable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_LONGEST_AGENT]
