"""Tenants and keys that have limits, with their names."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants.limits.book import LimitRecord, record_of
from orchestrator.tenants.limits.tables import limits
from orchestrator.tenants.limits.values import TENANT
from orchestrator.tenants.ordering import holding
from orchestrator.tenants.tables import api_keys, tenants


@dataclass(frozen=True, slots=True)
class Limited:
    """A tenant or key that has limits.

    Args:
        record: The limits.
        tenant_name: Of the tenant, for people.
        key_name: Of the key; ``None``: the limits are the tenant's.
        key_prefix: The beginning of the key.
    """

    record: LimitRecord
    tenant_name: str
    key_name: str | None
    key_prefix: str | None

    @property
    def key_id(self) -> str | None:
        """Id of the key; ``None``: the limits are the tenant's."""
        return None if self.record.scope == TENANT else self.record.scope


async def limited(
    connection: AsyncConnection,
    *,
    text: str | None = None,
    tenant: str | None = None,
    scope: str | None = None,
) -> list[Limited]:
    """Return who has limits; not keys that are revoked, which use nothing any more.

    Args:
        connection: To Postgres.
        text: Only those with this text in a name or an id.
        tenant: Only those of this tenant.
        scope: Only these: ``tenant``, or the id of a key.
    """
    query = (
        sa.select(
            limits,
            tenants.c.name.label("tenant_name"),
            api_keys.c.name.label("key_name"),
            api_keys.c.prefix.label("key_prefix"),
        )
        .select_from(limits)
        .join(tenants, tenants.c.id == limits.c.tenant)
        .outerjoin(api_keys, sa.collate(api_keys.c.id, "C") == limits.c.scope)
        .where(api_keys.c.revoked_at.is_(None))
    )
    if text:
        texts = (tenants.c.id, tenants.c.name, api_keys.c.name, api_keys.c.prefix, api_keys.c.id)
        query = query.where(holding(texts, text))
    if tenant is not None:
        query = query.where(limits.c.tenant == tenant)
    if scope is not None:
        query = query.where(limits.c.scope == scope)
    return [
        Limited(record_of(row), row["tenant_name"], row["key_name"], row["key_prefix"])
        for row in (await connection.execute(query)).mappings()
    ]
