"""Feedback and scores in Postgres, on the caller's connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.feedback.scores import FeedbackRow, ScoreRow, UsageRow
from orchestrator.feedback.tables import feedback, scores
from orchestrator.kit.ids import time_of
from orchestrator.usage.tables import request_texts, usage

_REPLACED = (
    "rating",
    "corrected_category",
    "prefers_other",
    "preferred_answer",
    "preferred_request",
)
_BATCH = 5_000
_JUDGED = tuple(usage.c[field.name] for field in fields(UsageRow))
_SCORES_LOCK = 0x66656564  # "feed": two computations at once would delete each other's rows


async def put(connection: AsyncConnection, row: dict[str, Any]) -> dict[str, Any]:
    """Store what a key says of a request, in place of what it said before; return the row."""
    statement = insert(feedback).values(row)
    replaced: dict[str, Any] = {name: statement.excluded[name] for name in _REPLACED}
    statement = statement.on_conflict_do_update(
        constraint="feedback_once", set_=replaced | {"created_at": sa.func.now()}
    )
    found = await connection.execute(statement.returning(*feedback.columns))
    return dict(found.mappings().one())


async def page(
    connection: AsyncConnection, *, limit: int, after: str | None
) -> list[dict[str, Any]]:
    """Return feedback, the newest first, that before the id ``after``."""
    query = sa.select(feedback).order_by(feedback.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(feedback.c.id < after)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def erase_answers(connection: AsyncConnection, tenant: str) -> None:
    """Forget the texts of preferred answers; that they were preferred stays."""
    statement = sa.update(feedback).where(feedback.c.tenant == tenant)
    await connection.execute(statement.values(preferred_answer=None))


async def judged(
    connection: AsyncConnection, *, since: datetime, limit: int
) -> tuple[list[FeedbackRow], list[UsageRow]]:
    """Return the latest feedback on requests since a moment, and what became of those.

    Requests whose answers were said to be better are among them.
    """
    belongs = sa.and_(
        usage.c.request_id == feedback.c.request_id, usage.c.started_at == feedback.c.started_at
    )
    query = (
        sa.select(feedback, *_JUDGED[1:])
        .join(usage, belongs)
        .where(feedback.c.started_at >= since)
        .order_by(feedback.c.id.desc())
        .limit(limit)
    )
    said, requests = [], {}
    for row in await connection.execute(query):
        said.append(
            FeedbackRow(
                request_id=row.request_id,
                key_id=row.key_id,
                rating=row.rating,
                corrected_category=row.corrected_category,
                prefers_other=row.prefers_other,
                preferred_request=row.preferred_request,
                created_at=row.created_at,
            )
        )
        requests[row.request_id] = UsageRow(*(row._mapping[column.name] for column in _JUDGED))  # noqa: SLF001 (SQLAlchemy's documented way to a mapping)
    preferred = {row.preferred_request for row in said if row.preferred_request} - requests.keys()
    return said, [*requests.values(), *await _requests(connection, sorted(preferred))]


async def texts(connection: AsyncConnection, request_ids: Sequence[str]) -> dict[str, str]:
    """Return what requests said, of those whose texts are stored."""
    found: dict[str, str] = {}
    for some in _batches(request_ids):
        query = sa.select(request_texts.c.request_id, request_texts.c.text)
        rows = await connection.execute(query.where(request_texts.c.request_id.in_(some)))
        found |= {row.request_id: row.text for row in rows}
    return found


async def _requests(connection: AsyncConnection, request_ids: Sequence[str]) -> list[UsageRow]:
    found = []
    for some in _batches(request_ids):
        keys = [(request_id, time_of(request_id)) for request_id in some]
        wanted = sa.tuple_(usage.c.request_id, usage.c.started_at).in_(keys)
        rows = await connection.execute(sa.select(*_JUDGED).where(wanted))
        found += [UsageRow(*row) for row in rows]
    return found


def _batches(request_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (request_ids[i : i + _BATCH] for i in range(0, len(request_ids), _BATCH))


async def replace_scores(
    connection: AsyncConnection, source: str, rows: Sequence[ScoreRow]
) -> None:
    """Put these scores in the place of all that the source had."""
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCORES_LOCK)))
    await connection.execute(sa.delete(scores).where(scores.c.source == source))
    if rows:
        await connection.execute(sa.insert(scores), [asdict(row) for row in rows])


async def list_scores(connection: AsyncConnection, source: str) -> list[dict[str, Any]]:
    """Return the scores of a source, by category and expert."""
    query = (
        sa.select(scores)
        .where(scores.c.source == source)
        .order_by(scores.c.category, scores.c.expert)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]
