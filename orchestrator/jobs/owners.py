"""Whose a job is: what its key may use by now, though nobody is there to show the key."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.record import Row
from orchestrator.tenants.consent import COLUMNS
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.records import principal
from orchestrator.tenants.tables import api_keys, tenants

_OF_THE_TENANT = (
    *COLUMNS,
    tenants.c.experts.label("tenant_experts"),
    tenants.c.policies.label("tenant_policies"),
    tenants.c.suspended_at,
)
_KEY = sa.select(api_keys, *_OF_THE_TENANT).join(tenants, tenants.c.id == api_keys.c.tenant)


class KeyGone(Exception):
    """The key was revoked, or its tenant suspended: nothing more is done for it."""


def told_of(asking: Principal) -> Row:
    """Return what a job keeps of who asked for it."""
    return {
        "name": asking.name,
        "role": asking.role.value,
        "experts": None if asking.experts is None else sorted(asking.experts),
        "policies": None if asking.policies is None else sorted(asking.policies),
    }


async def owner_of(connection: AsyncConnection, job: Row) -> Principal:
    """Return whose request the items of a job are.

    A key that has merely expired, or a person whose session has, was let in when the job was made.

    Args:
        connection: To Postgres.
        job: With what :func:`told_of` said in its payload, as ``owner``.

    Raises:
        KeyGone: If nothing more may be done for it.
    """
    row = (await connection.execute(_KEY.where(api_keys.c.id == job["key_id"]))).mappings().first()
    if row is not None:
        if row["revoked_at"] is not None or row["suspended_at"] is not None:
            raise KeyGone(job["key_id"])
        return principal(row, None)
    return await _person(connection, job)


async def _person(connection: AsyncConnection, job: Row) -> Principal:
    query = sa.select(*_OF_THE_TENANT).where(tenants.c.id == job["tenant"])
    tenant = (await connection.execute(query)).mappings().first()
    if tenant is None or tenant["suspended_at"] is not None:
        raise KeyGone(job["tenant"])
    kept = job["payload"]["owner"]
    values = {name: kept[name] for name in ("name", "role", "experts", "policies")}
    row = {**tenant, **values, "id": job["key_id"], "tenant": job["tenant"]}
    return principal(row, None)
