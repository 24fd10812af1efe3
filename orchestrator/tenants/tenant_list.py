"""Tenants as they are looked for: searched, filtered and sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants.key_list import state_of_keys
from orchestrator.tenants.ordering import Rows, holding, sorted_page
from orchestrator.tenants.records import TenantRecord, tenant_record
from orchestrator.tenants.tables import api_keys, tenants

TenantSort = Literal["id", "-id", "name", "-name", "created", "-created", "last_used", "-last_used"]


@dataclass(frozen=True, slots=True)
class TenantQuestion:
    """Which tenants are meant; ``None``: whatever they have there.

    Args:
        text: In the id or the name.
        suspended: Whether they are shut out.
        sort: In what order.
    """

    text: str | None = None
    suspended: bool | None = None
    sort: TenantSort = "id"


_active = sa.func.count(api_keys.c.id).filter(state_of_keys() == "active")
_LISTED = (
    sa.select(
        tenants,
        _active.label("active_keys"),
        sa.func.max(api_keys.c.last_used_at).label("last_used_at"),
    )
    .outerjoin(api_keys, tenants.c.id == api_keys.c.tenant)
    .group_by(tenants.c.id)
    .subquery("listed")
)
_SORTS: dict[str, sa.ColumnElement[Any]] = {
    "id": sa.collate(_LISTED.c.id, "C"),
    "name": sa.func.lower(_LISTED.c.name),
    "created": _LISTED.c.created_at,
    "last_used": sa.func.coalesce(_LISTED.c.last_used_at, sa.text("'-infinity'::timestamptz")),
}


async def one(connection: AsyncConnection, tenant: str) -> TenantRecord | None:
    """Return a tenant, ``None`` if there is none of that id."""
    query = sa.select(_LISTED).where(_LISTED.c.id == tenant)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else tenant_record(row)


async def some(
    connection: AsyncConnection, question: TenantQuestion, limit: int, after: str | None
) -> list[TenantRecord]:
    """Return up to ``limit`` tenants, those after the one with the id ``after``."""
    rows = sorted_page(_LISTED, _asked(sa.select(_LISTED), question), _SORTS, question.sort, after)
    return [tenant_record(row) for row in (await connection.execute(rows.limit(limit))).mappings()]


async def how_many(connection: AsyncConnection, question: TenantQuestion) -> int:
    """Return how many tenants are meant."""
    query = _asked(sa.select(sa.func.count()).select_from(_LISTED), question)
    return int(await connection.scalar(query) or 0)


def _asked(rows: Rows, question: TenantQuestion) -> Rows:
    if question.text:
        rows = rows.where(holding((_LISTED.c.id, _LISTED.c.name), question.text))
    if question.suspended is not None:
        shut_out = _LISTED.c.suspended_at.is_not(None)
        rows = rows.where(shut_out if question.suspended else sa.not_(shut_out))
    return rows
