"""Who secrets belong to: keys, what they were before their last rotation, and sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
_OF_PEOPLE = (
    sa.select(
        sessions.c.hash,
        sessions.c.tenant,
        sessions.c.role,
        sessions.c.expires_at,
        sessions.c.id.label("session"),
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
_OF_KEYS = sa.select(
    sessions.c.hash, sessions.c.key_hash, sessions.c.expires_at, sessions.c.id
).where(sessions.c.key_hash.is_not(None), sessions.c.expires_at > sa.func.now())


async def everyone(connection: AsyncConnection) -> dict[bytes, Principal]:
    """Return, by hash of the secret, everyone who may ask."""
    keys = (await connection.execute(_KEYS)).mappings().all()
    persons = (await connection.execute(_OF_PEOPLE)).mappings().all()
    of_keys = (await connection.execute(_OF_KEYS)).mappings().all()
    return _by_hash(keys, persons, of_keys)


async def owner_of(connection: AsyncConnection, digest: bytes) -> dict[bytes, Principal]:
    """Return the one whose secret has this hash, if there is one; for a session of a key, the key too."""
    here = sessions.c.hash == digest
    of_keys = (await connection.execute(_OF_KEYS.where(here))).mappings().all()
    secret = bytes(of_keys[0]["key_hash"]) if of_keys else digest
    mine = sa.or_(api_keys.c.hash == secret, api_keys.c.previous_hash == secret)
    keys = (await connection.execute(_KEYS.where(mine))).mappings().all()
    persons = (await connection.execute(_OF_PEOPLE.where(here))).mappings().all()
    return _by_hash(keys, persons, of_keys)


def _by_hash(
    keys: Sequence[Row], persons: Sequence[Row], of_keys: Sequence[Row]
) -> dict[bytes, Principal]:
    found = {bytes(row["hash"]): principal(row, row["expires_at"]) for row in keys}
    found |= dict(_rotated(keys))
    for row in persons:
        known = principal(row, row["expires_at"])
        found[bytes(row["hash"])] = replace(known, session=row["session"])
    for row in of_keys:
        # Known by its secret: whoever changes that ends what was begun with the one before.
        owner = found.get(bytes(row["key_hash"]))
        if owner is not None:
            ends = _earlier(row["expires_at"], owner.expires_at)
            found[bytes(row["hash"])] = replace(owner, session=row["id"], expires_at=ends)
    return found


def _rotated(keys: Sequence[Row]) -> Iterator[tuple[bytes, Principal]]:
    now = datetime.now(UTC)
    for row in keys:
        until = row["previous_until"]
        if until is not None and until > now:
            yield bytes(row["previous_hash"]), principal(row, _earlier(until, row["expires_at"]))


def _earlier(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)
