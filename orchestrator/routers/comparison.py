"""What a shadow's decisions come to, beside those that were made."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.routers.tables import shadow_decisions

MOST_MOVES = 20


@dataclass(frozen=True, slots=True)
class Move:
    """Requests that would have gone elsewhere."""

    live_expert: str
    expert: str
    n: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A shadow's decisions beside the live ones.

    Args:
        n: Requests that both decided.
        same_category: How many of them went to the same category.
        same_expert: How many went to the same expert.
        live_cost_usd: What the live decisions were expected to cost on average.
        cost_usd: What the shadow's would have.
        moves: Where requests would have gone instead, the most frequent first.
    """

    n: int
    same_category: int
    same_expert: int
    live_cost_usd: float | None
    cost_usd: float | None
    moves: tuple[Move, ...]


async def compare(connection: AsyncConnection, version_id: str) -> Comparison:
    """Sum up the decisions that were noted for a version."""
    columns = shadow_decisions.c
    mine = columns.version_id == version_id
    count = sa.func.count()
    totals = await connection.execute(
        sa.select(
            count,
            count.filter(columns.category == columns.live_category),
            count.filter(columns.expert == columns.live_expert),
            sa.func.avg(columns.live_cost_usd),
            sa.func.avg(columns.cost_usd),
        ).where(mine)
    )
    moves = await connection.execute(
        sa.select(columns.live_expert, columns.expert, count)
        .where(mine, columns.expert != columns.live_expert)
        .group_by(columns.live_expert, columns.expert)
        .order_by(count.desc(), columns.live_expert, columns.expert)
        .limit(MOST_MOVES)
    )
    n, same_category, same_expert, live_cost, cost = totals.one()
    return Comparison(
        n=n,
        same_category=same_category,
        same_expert=same_expert,
        live_cost_usd=live_cost,
        cost_usd=cost,
        moves=tuple(Move(row[0], row[1], row[2]) for row in moves),
    )
