"""Kept content in Postgres: written with the usage rows, read by its tenant, erased in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.kit.ids import first_id_of
from orchestrator.tenants import consent
from orchestrator.tenants.content import ContentChoice
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.tables import request_contents, request_texts

_TABLES = (request_texts, request_contents)


async def keep(connection: AsyncConnection, records: Sequence[UsageRecord]) -> None:
    """Store what records carry; a tenant that opted out meanwhile has none stored."""
    carrying = [record for record in records if record.text or record.prompt]
    choices = await consent.storing(connection, (record.tenant for record in carrying))
    await _insert(connection, request_texts, carrying, choices, _text_row)
    await _insert(connection, request_contents, carrying, choices, _content_row)


async def get(connection: AsyncConnection, request_id: str) -> dict[str, Any] | None:
    """Return what is kept of a request with its tenant, or ``None``."""
    query = sa.select(request_contents).where(request_contents.c.request_id == request_id)
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def erase(connection: AsyncConnection, tenant: str) -> None:
    """Forget what is kept of a tenant's requests."""
    for table in _TABLES:
        await connection.execute(sa.delete(table).where(table.c.tenant == tenant))


async def erase_answers(connection: AsyncConnection, tenant: str) -> None:
    """Forget what was answered to a tenant's requests."""
    mine = sa.and_(request_contents.c.tenant == tenant, request_contents.c.answer.is_not(None))
    await connection.execute(sa.update(request_contents).where(mine).values(answer=None))


async def sweep(connection: AsyncConnection, now: datetime | None = None) -> int:
    """Forget what tenants no longer let be kept for its age.

    Args:
        connection: In a transaction.
        now: The time, by default the present.

    Returns:
        How many rows went.
    """
    gone = 0
    for tenant, days in (await consent.retained(connection)).items():
        oldest = first_id_of((now or datetime.now(UTC)) - timedelta(days=days))
        for table in _TABLES:
            old = sa.and_(table.c.tenant == tenant, table.c.request_id < oldest)
            gone += (await connection.execute(sa.delete(table).where(old))).rowcount
    return gone


async def _insert(
    connection: AsyncConnection,
    table: sa.Table,
    records: Sequence[UsageRecord],
    choices: Mapping[str, ContentChoice],
    row_of: Callable[[UsageRecord, ContentChoice], dict[str, Any] | None],
) -> None:
    rows = [
        {"request_id": record.request_id, "tenant": record.tenant, **row}
        for record in records
        if record.tenant in choices and (row := row_of(record, choices[record.tenant]))
    ]
    if rows:
        await connection.execute(insert(table).on_conflict_do_nothing(), rows)


def _text_row(record: UsageRecord, _: ContentChoice) -> dict[str, Any] | None:
    return {"text": record.text} if record.text else None


def _content_row(record: UsageRecord, choice: ContentChoice) -> dict[str, Any] | None:
    if not record.prompt:
        return None
    return {"prompt": record.prompt, "answer": record.answer if choice.level == "all" else None}
