"""The overview of a range: sums read, compared with the range before, told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.overview.baseline import METHOD, Baseline
from orchestrator.overview.figures import EMPTY, NOTHING, ROUTED, Found, breakdown, change, figures
from orchestrator.overview.schemas import Attention, BestSingle, Bucket, Figures, Overview
from orchestrator.usage.sums.ranges import Range, before, bucket_of, buckets, told
from orchestrator.usage.sums.repository import summed

_NAMED = {"category": ""}
"""Of requests that the router did not decide."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for.

    Args:
        since: Where the range begins.
        until: Where it ends, later.
        bucket: Minutes of a bucket; ``None``: what suits the range.
        only: Values of ``tenant``, ``expert``, ``category`` that requests must have.
    """

    since: datetime
    until: datetime
    bucket: int | None
    only: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """Names for people by id, of what is told apart."""

    expert: Mapping[str, str]
    category: Mapping[str, str]
    tenant: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Summary:
    """All sums that an overview is made of."""

    range: Range
    previous: Range
    bucket: int
    total: Found
    earlier: Found
    series: Mapping[datetime, Found]
    by: Mapping[str, Mapping[str, Found]]


async def summary_of(engine: AsyncEngine, question: Question, now: datetime) -> Summary:
    """Read the sums of a range.

    Args:
        engine: Postgres.
        question: What is asked for.
        now: The time.
    """
    range_ = told(question.since, question.until, now)
    previous = before(range_, now)
    bucket = bucket_of(range_, now, question.bucket)
    # Several queries that see the same.
    steady = engine.execution_options(isolation_level="REPEATABLE READ")
    async with steady.connect() as connection:
        total = await _found(connection, range_, question.only)
        earlier = await _found(connection, previous, question.only)
        series = await _found(connection, range_, question.only, bucket=bucket)
        by = {
            name: await _found(connection, range_, question.only, by=name)
            for name in ("expert", "category", "tenant")
        }
    return Summary(
        range_, previous, bucket, total.get(None, EMPTY), earlier.get(None, EMPTY), series, by
    )


def overview_of(
    summary: Summary, baseline: Baseline | None, names: Names, attention: list[Attention]
) -> Overview:
    """Return the overview that sums make."""
    totals = Figures(**figures(summary.total, baseline))
    previous = Figures(**figures(summary.earlier, baseline))
    parts: dict[str, Any] = {
        f"by_{name}": breakdown(
            summary.by[name], summary.total, baseline, _name_in(getattr(names, name))
        )
        for name in ("expert", "category", "tenant")
    }
    return Overview(
        since=summary.range.start,
        until=summary.range.end,
        bucket_seconds=summary.bucket * 60,
        previous_since=summary.previous.start,
        previous_until=summary.previous.end,
        totals=totals,
        previous=previous,
        change=change(totals, previous),
        best_single=None if baseline is None else _shown(baseline),
        series=[
            Bucket(at=at, **figures(summary.series.get(at, EMPTY), baseline))
            for at in buckets(summary.range, summary.bucket)
        ],
        **parts,
        attention=attention,
    )


def requests_by_category(summary: Summary) -> dict[str, int]:
    """Return how many requests the range had of each category."""
    return {name: found.sums["requests"] for name, found in summary.by["category"].items()}


async def _found(
    connection: AsyncConnection,
    range_: Range,
    only: Mapping[str, str],
    **apart: Any,
) -> dict[Any, Found]:
    sums = await summed(connection, range_, only=only, **apart)
    named: dict[Any, dict[str, Any]] = {}
    if only.get("category", "") == "":
        named = await summed(connection, range_, only={**only, **_NAMED}, sums=ROUTED, **apart)
    return {key: Found(found, named.get(key, NOTHING)) for key, found in sums.items()}


def _shown(baseline: Baseline) -> BestSingle:
    expert = baseline.expert
    return BestSingle(
        expert=expert.id,
        name=expert.name or expert.id,
        quality=round(baseline.quality, 4),
        priced=baseline.priced,
        method=METHOD,
    )


def _name_in(names: Mapping[str, str]) -> Any:
    return lambda id_: names.get(id_) or id_
