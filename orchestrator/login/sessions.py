"""Sessions of people: random, stored as a hash, over after a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.ids import uuid7
from orchestrator.login.person import Person
from orchestrator.tenants.keys import generate_session, hash_key
from orchestrator.tenants.tables import people, sessions, tenants


class Sessions:
    """Begins and ends sessions; the key ring recognises them.

    Args:
        engine: Where they are kept.
        changed: Reads keys and sessions anew on every replica.
        tenant: Whose requests people make.
        lifetime: How long a session lasts.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        changed: Callable[[], Awaitable[None]],
        tenant: str,
        lifetime: timedelta,
    ) -> None:
        self._engine = engine
        self._changed = changed
        self._tenant = tenant
        self.lifetime = lifetime

    async def begin(self, person: Person) -> tuple[str, str]:
        """Begin a session; returns the person's id, and the session's secret.

        Raises:
            ValueError: If the person has no role.
        """
        if person.role is None:
            raise ValueError("who has no role has no session")
        secret, now = generate_session(), datetime.now(UTC)
        seen = {"name": person.name, "seen_at": now}
        upsert = (
            insert(people)
            .values(
                id=f"person_{uuid7().hex}", issuer=person.issuer, subject=person.subject, **seen
            )
            .on_conflict_do_update(constraint="people_once", set_=seen)
            .returning(people.c.id)
        )
        async with self._engine.begin() as connection:
            await connection.execute(
                insert(tenants).values(id=self._tenant).on_conflict_do_nothing()
            )
            person_id: str = (await connection.execute(upsert)).scalar_one()
            await connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= now))
            await connection.execute(
                insert(sessions).values(
                    hash=hash_key(secret),
                    person=person_id,
                    tenant=self._tenant,
                    role=person.role.value,
                    expires_at=now + self.lifetime,
                )
            )
        await self._changed()
        return person_id, secret

    async def end(self, secret: str) -> None:
        """End a session, if it is one."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(sessions).where(sessions.c.hash == hash_key(secret)))
        await self._changed()
