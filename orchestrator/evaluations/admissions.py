"""What was decided on experts by graded prompts, kept: who was admitted, by which rule, on what evidence."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from experts.catalogue import repository as catalogue
from orchestrator.kit.ids import uuid7

Row = dict[str, Any]

admissions = sa.Table(
    "admissions",
    sa.MetaData(),
    sa.Column("id", sa.Text(collation="C"), primary_key=True),
    sa.Column("expert", sa.Text(collation="C")),
    sa.Column("version", sa.Integer),
    sa.Column("admitted", sa.Boolean),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("decided_by", sa.Text),
    sa.Column("rule", JSONB),
    sa.Column("evidence", JSONB),
)
"""``version`` is of the entry that was asked. They outlast the expert, as its versions do."""


async def record(connection: AsyncConnection, expert_id: str, values: Row, *, by: str) -> Row:
    """Keep a decision.

    Args:
        connection: In a transaction.
        expert_id: On whom.
        values: ``admitted``, ``rule``, ``evidence``, and ``version``; ``None``: the one in force.
        by: Who says so.

    Raises:
        ExpertUnknown: If there is no such expert.
    """
    head = await catalogue.get(connection, expert_id)
    row = {
        **values,
        "id": f"adm_{uuid7().hex}",
        "expert": expert_id,
        "version": values["version"] or head.version,
        "decided_by": by,
    }
    stored = await connection.execute(sa.insert(admissions).values(row).returning(admissions))
    return dict(stored.mappings().one())


async def page(
    connection: AsyncConnection, expert_id: str, *, limit: int, after: str | None
) -> list[Row]:
    """Return what was decided on an expert, the latest first.

    Args:
        connection: To Postgres.
        expert_id: On whom.
        limit: How many at most.
        after: Id of the last one of the page before.
    """
    query = sa.select(admissions).where(admissions.c.expert == expert_id)
    if after is not None:
        query = query.where(admissions.c.id < after)
    query = query.order_by(admissions.c.id.desc()).limit(limit)
    return [dict(row) for row in (await connection.execute(query)).mappings()]
