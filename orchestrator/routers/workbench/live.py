"""What a version's own requests and callers say of it: of the latest, so that it stays quick."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.usage.tables import request_texts, usage

MOST_REQUESTS = 50_000
"""Requests that are looked at, the latest of all versions."""


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """How many requests went to a category, and how sure the version was of it, on average."""

    category: str
    requests: int
    mean_confidence: float | None


@dataclass(frozen=True, slots=True)
class Correction:
    """How often callers said that a category should have been another."""

    category: str
    corrected: str
    observations: int


@dataclass(frozen=True, slots=True)
class Opinions:
    """What callers said of a version's decisions.

    Args:
        rated: Answers that were rated.
        mean_rating: -1 (bad) to 1 (good).
        corrections: The most frequent first.
    """

    rated: int = 0
    mean_rating: float | None = None
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """How good an expert was found to be in a category since.

    Args:
        category: Its id.
        expert: Its id.
        n: Requests that were judged.
        mean: 0 (bad) to 1 (good).
        se: Standard error of the mean.
    """

    category: str
    expert: str
    n: int
    mean: float
    se: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """Where callers' opinions are read; whoever keeps them hands these in.

    Args:
        of_version: Returns what was said of a version's decisions (its name) since a moment.
        scores: Returns what was found of these experts.
    """

    of_version: Callable[[AsyncConnection, str, datetime], Awaitable[Opinions]]
    scores: Callable[[AsyncConnection, Sequence[str]], Awaitable[list[Found]]]


async def counted(
    connection: AsyncConnection, version: str, since: datetime
) -> list[CategoryCount]:
    """Count a version's requests by category, the most frequent first."""
    latest = _latest(since)
    query = (
        sa.select(latest.c.category, sa.func.count(), sa.func.avg(latest.c.confidence))
        .where(latest.c.router_version == version, latest.c.category.is_not(None))
        .group_by(latest.c.category)
        .order_by(sa.func.count().desc(), latest.c.category)
    )
    return [CategoryCount(*row) for row in await connection.execute(query)]


async def texts(
    connection: AsyncConnection, version: str, since: datetime, most: int
) -> list[tuple[str, str, str]]:
    """Return id, category and text of a version's latest requests whose texts are stored."""
    latest = _latest(since)
    query = (
        sa.select(latest.c.request_id, latest.c.category, request_texts.c.text)
        .join(request_texts, request_texts.c.request_id == latest.c.request_id)
        .where(latest.c.router_version == version, latest.c.category.is_not(None))
        .order_by(latest.c.started_at.desc(), latest.c.request_id.desc())
        .limit(most)
    )
    return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


def _latest(since: datetime) -> sa.Subquery:
    columns = usage.c
    return (
        sa.select(
            columns.request_id,
            columns.started_at,
            columns.router_version,
            columns.category,
            columns.confidence,
        )
        .where(columns.started_at >= since)
        .order_by(columns.started_at.desc(), columns.request_id.desc())
        .limit(MOST_REQUESTS)
        .subquery()
    )
