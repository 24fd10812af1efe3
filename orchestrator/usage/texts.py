"""What requests said, kept for training, of tenants that opted in."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants import consent
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.tables import request_texts


async def keep(connection: AsyncConnection, records: Sequence[UsageRecord]) -> None:
    """Store the texts that records carry; a tenant that opted out meanwhile has none stored."""
    carrying = [record for record in records if record.text]
    storing = await consent.storing(connection, (record.tenant for record in carrying))
    rows = [
        {
            "request_id": record.request_id,
            "tenant": record.tenant,
            "text": record.text,
        }
        for record in carrying
        if record.tenant in storing
    ]
    if rows:
        await connection.execute(insert(request_texts).on_conflict_do_nothing(), rows)


async def erase(connection: AsyncConnection, tenant: str) -> None:
    """Forget the texts of a tenant's requests."""
    await connection.execute(sa.delete(request_texts).where(request_texts.c.tenant == tenant))
