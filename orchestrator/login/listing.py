"""Who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.tenants.keys import Role
from orchestrator.tenants.ordering import holding
from orchestrator.tenants.tables import api_keys, people, sessions, tenants

Way = Literal["key", "oidc"]

_now = sa.func.now()
_secret_works = sa.or_(
    api_keys.c.hash == sessions.c.key_hash,
    sa.and_(api_keys.c.previous_hash == sessions.c.key_hash, api_keys.c.previous_until > _now),
)
_key_works = sa.and_(
    api_keys.c.revoked_at.is_(None),
    sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > _now),
    _secret_works,
)
_LISTED = (
    sa.select(
        sessions.c.id,
        sessions.c.person,
        sessions.c.key_id,
        sa.func.coalesce(people.c.name, api_keys.c.name).label("name"),
        sessions.c.tenant,
        sa.func.coalesce(api_keys.c.role, sessions.c.role).label("role"),
        sessions.c.started_at,
        sa.func.least(sessions.c.expires_at, api_keys.c.expires_at).label("expires_at"),
        sessions.c.last_used_at,
        sessions.c.address,
        sessions.c.agent,
    )
    .select_from(sessions)
    .join(tenants, tenants.c.id == sessions.c.tenant)
    .outerjoin(people, people.c.id == sessions.c.person)
    .outerjoin(api_keys, api_keys.c.id == sessions.c.key_id)
    .where(
        sessions.c.expires_at > _now,
        tenants.c.suspended_at.is_(None),
        sa.or_(sessions.c.person.is_not(None), _key_works),
    )
    .subquery("listed")
)
_TEXTS = tuple(_LISTED.c[name] for name in ("name", "address", "agent", "id", "person", "key_id"))


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What may be seen of a session."""

    id: str
    way: Way
    actor: str
    name: str
    tenant: str
    role: Role
    started_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    address: str
    agent: str


class SessionList:
    """Reads the sessions that work.

    Args:
        engine: Where they are kept.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self,
        limit: int,
        after: str | None = None,
        *,
        text: str | None = None,
        tenant: str | None = None,
    ) -> tuple[list[SessionRecord], int]:
        """Return up to ``limit`` sessions, the latest first, those after the id ``after``, and how many in all.

        Args:
            limit: How many at most.
            after: Id of the session to go on after.
            text: Only those with this text in the name, the address, the browser or an id.
            tenant: Only those of this tenant.
        """
        rows = sa.select(_LISTED)
        if tenant is not None:
            rows = rows.where(_LISTED.c.tenant == tenant)
        if text:
            rows = rows.where(holding(_TEXTS, text))
        part = rows if after is None else rows.where(_LISTED.c.id < after)
        part = part.order_by(_LISTED.c.id.desc()).limit(limit)
        async with self._engine.connect() as connection:
            found = (await connection.execute(part)).mappings().all()
            total = await connection.scalar(sa.select(sa.func.count()).select_from(rows.subquery()))
        return [_record(dict(row)) for row in found], int(total or 0)


def _record(row: dict[str, object]) -> SessionRecord:
    person, key_id = row.pop("person"), row.pop("key_id")
    way: Way = "key" if person is None else "oidc"
    return SessionRecord(way=way, actor=person or key_id, **{**row, "role": Role(str(row["role"]))})  # type: ignore[arg-type]  # as the table has them
