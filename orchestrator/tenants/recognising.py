"""Who secrets belong to: keys, what they were before their last rotation, and people's sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants.consent import COLUMNS
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.records import Row, principal
from orchestrator.tenants.tables import api_keys, people, sessions, tenants

_OF_THE_TENANT = (
    *COLUMNS,
    tenants.c.experts.label("tenant_experts"),
    tenants.c.policies.label("tenant_policies"),
)
_WORKING = tenants.c.suspended_at.is_(None)

_KEYS = (
    sa.select(api_keys, *_OF_THE_TENANT)
    .join(tenants, tenants.c.id == api_keys.c.tenant)
    .where(api_keys.c.revoked_at.is_(None), _WORKING)
)
_SESSIONS = (
    sa.select(
        sessions,
        people.c.id.label("id"),
        people.c.name.label("name"),
        sa.null().label("policies"),
        sa.null().label("experts"),
        *_OF_THE_TENANT,
    )
    .join(people, people.c.id == sessions.c.person)
    .join(tenants, tenants.c.id == sessions.c.tenant)
    .where(sessions.c.expires_at > sa.func.now(), _WORKING)
)


async def everyone(connection: AsyncConnection) -> dict[bytes, Principal]:
    """Return, by hash of the secret, everyone who may ask."""
    keys = (await connection.execute(_KEYS)).mappings().all()
    signed_in = (await connection.execute(_SESSIONS)).mappings().all()
    return _by_hash(keys, signed_in)


async def owner_of(connection: AsyncConnection, digest: bytes) -> dict[bytes, Principal]:
    """Return the one whose secret has this hash, if there is one."""
    mine = sa.or_(api_keys.c.hash == digest, api_keys.c.previous_hash == digest)
    keys = (await connection.execute(_KEYS.where(mine))).mappings().all()
    here = sessions.c.hash == digest
    signed_in = (await connection.execute(_SESSIONS.where(here))).mappings().all()
    return _by_hash(keys, signed_in)


def _by_hash(keys: Sequence[Row], signed_in: Sequence[Row]) -> dict[bytes, Principal]:
    found = {bytes(row["hash"]): principal(row, row["expires_at"]) for row in (*keys, *signed_in)}
    return found | dict(_rotated(keys))


def _rotated(keys: Sequence[Row]) -> Iterator[tuple[bytes, Principal]]:
    now = datetime.now(UTC)
    for row in keys:
        until, expires_at = row["previous_until"], row["expires_at"]
        if until is not None and until > now:
            ends = until if expires_at is None else min(until, expires_at)
            yield bytes(row["previous_hash"]), principal(row, ends)
