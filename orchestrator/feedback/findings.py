"""What feedback says of a router version and of experts, for those who look at versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.feedback.scores import SOURCE
from orchestrator.feedback.tables import feedback, scores
from orchestrator.routers.workbench.live import Correction, Found, Opinions
from orchestrator.usage.tables import usage

MOST_CORRECTIONS = 100
MOST_FEEDBACK = 50_000
"""Feedback that is looked at, the latest."""


async def of_version(connection: AsyncConnection, version: str, since: datetime) -> Opinions:
    """Return what callers said of the decisions of a version, by its name, since a moment."""
    latest = (
        sa.select(feedback)
        .where(feedback.c.started_at >= since)
        .order_by(feedback.c.started_at.desc())
        .limit(MOST_FEEDBACK)
        .subquery()
    )
    belongs = sa.and_(
        usage.c.request_id == latest.c.request_id,
        usage.c.started_at == latest.c.started_at,
        usage.c.router_version == version,
    )
    said = sa.join(latest, usage, belongs)
    rated, rating = (
        await connection.execute(
            sa.select(sa.func.count(latest.c.rating), sa.func.avg(latest.c.rating)).select_from(
                said
            )
        )
    ).one()
    corrected = latest.c.corrected_category
    count = sa.func.count()
    rows = await connection.execute(
        sa.select(usage.c.category, corrected, count)
        .select_from(said)
        .where(corrected.is_not(None), usage.c.category.is_not(None))
        .group_by(usage.c.category, corrected)
        .order_by(count.desc(), usage.c.category, corrected)
        .limit(MOST_CORRECTIONS)
    )
    return Opinions(rated, rating, tuple(Correction(*row) for row in rows))


async def scores_of(connection: AsyncConnection, experts: Sequence[str]) -> list[Found]:
    """Return the candidate scores of some experts, as they were last computed."""
    columns = scores.c
    query = sa.select(columns.category, columns.expert, columns.n, columns.mean, columns.se).where(
        columns.source == SOURCE, columns.expert.in_(list(experts))
    )
    return [Found(*row) for row in await connection.execute(query)]
