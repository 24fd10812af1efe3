"""Keys as they are looked for: searched, filtered and sorted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.tenants.keys import Role
from orchestrator.tenants.ordering import Rows, holding, sorted_page
from orchestrator.tenants.records import KeyRecord, KeyState, key_record
from orchestrator.tenants.tables import api_keys, tenants

KeySort = Literal[
    "created", "-created", "name", "-name", "last_used", "-last_used", "expires", "-expires"
]


@dataclass(frozen=True, slots=True)
class KeyQuestion:
    """Which keys are meant; ``None``: whatever they have there.

    Args:
        text: In the name, the id, what is shown of the key, or the tenant's id.
        role: Their role.
        tenant: Whose they are.
        state: What they are good for now.
        expiring_days: Active ones that expire within so many days.
        sort: In what order.
    """

    text: str | None = None
    role: Role | None = None
    tenant: str | None = None
    state: KeyState | None = None
    expiring_days: int | None = None
    sort: KeySort = "created"


def state_of_keys() -> sa.Case[str]:
    """Return what keys, joined with their tenants, are good for now."""
    return sa.case(
        (api_keys.c.revoked_at.is_not(None), "revoked"),
        (api_keys.c.expires_at <= sa.func.now(), "expired"),
        (tenants.c.suspended_at.is_not(None), "suspended"),
        else_="active",
    )


_LISTED = (
    sa.select(api_keys, state_of_keys().label("state"))
    .join(tenants, tenants.c.id == api_keys.c.tenant)
    .subquery("listed")
)
_SORTS: dict[str, sa.ColumnElement[Any]] = {
    "created": _LISTED.c.id,  # it begins with the time
    "name": sa.func.lower(_LISTED.c.name),
    "last_used": sa.func.coalesce(_LISTED.c.last_used_at, sa.text("'-infinity'::timestamptz")),
    "expires": sa.func.coalesce(_LISTED.c.expires_at, sa.text("'infinity'::timestamptz")),
}
_TEXTS = (_LISTED.c.name, _LISTED.c.id, _LISTED.c.prefix, _LISTED.c.tenant)


async def one(connection: AsyncConnection, key_id: str) -> KeyRecord | None:
    """Return a key, ``None`` if there is none of that id."""
    query = sa.select(_LISTED).where(_LISTED.c.id == key_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else key_record(row)


async def some(
    connection: AsyncConnection, question: KeyQuestion, limit: int, after: str | None
) -> list[KeyRecord]:
    """Return up to ``limit`` keys, those after the one with the id ``after``."""
    rows = sorted_page(_LISTED, _asked(sa.select(_LISTED), question), _SORTS, question.sort, after)
    return [key_record(row) for row in (await connection.execute(rows.limit(limit))).mappings()]


async def how_many(connection: AsyncConnection, question: KeyQuestion) -> int:
    """Return how many keys are meant."""
    query = _asked(sa.select(sa.func.count()).select_from(_LISTED), question)
    return int(await connection.scalar(query) or 0)


def _asked(rows: Rows, question: KeyQuestion) -> Rows:
    if question.text:
        rows = rows.where(holding(_TEXTS, question.text))
    if question.role is not None:
        rows = rows.where(_LISTED.c.role == question.role.value)
    if question.tenant is not None:
        rows = rows.where(_LISTED.c.tenant == question.tenant)
    if question.state is not None:
        rows = rows.where(_LISTED.c.state == question.state)
    if question.expiring_days is not None:
        soon = datetime.now(UTC) + timedelta(days=question.expiring_days)
        rows = rows.where(_LISTED.c.state == "active", _LISTED.c.expires_at <= soon)
    return rows
