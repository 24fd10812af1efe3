"""Sums of usage by day, expert, key and the like: one query over the partitions of the period.

Where experts are told apart, the calls of a request count for whom they went to, so that what a
fallback, a hedge or a strategy cost stands with the expert that billed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.usage.period import Period
from orchestrator.usage.tables import usage

_TOKENS = (
    "prompt_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost_nanos",
)
SUMS = ("requests", "failed", "blocked", "estimated", *_TOKENS)
_TIMES = {"day": "YYYY-MM-DD", "hour": 'YYYY-MM-DD"T"HH24":00:00Z"'}
_COLUMNS = {
    "expert": "expert",
    "expert_version": "expert_version",
    "category": "category",
    "key": "key_id",
    "model": "model",
    "policy": "policy",
    "api": "api",
    "status": "status",
    "tenant": "tenant",
}
DIMENSIONS = (*_TIMES, *_COLUMNS)
"""What usage can be grouped by."""
FILTERS = tuple(name for name in _COLUMNS if name != "expert_version")
"""What usage can be limited to."""
_BY_CALL = frozenset({"expert", "expert_version"})


@dataclass(frozen=True, slots=True)
class Question:
    """Which usage is asked for.

    Args:
        period: From when to when.
        only: Values that rows must have, by :data:`FILTERS`.
        by: :data:`DIMENSIONS` to group by, in order.
    """

    period: Period
    only: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()


async def groups(
    connection: AsyncConnection,
    question: Question,
    *,
    limit: int,
    after: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return the sums of each group, in order of what they are grouped by.

    Args:
        connection: To Postgres.
        question: Which usage, and how it is grouped.
        limit: At most so many groups.
        after: The values that the last group had; those behind it are returned.

    Returns:
        Rows with a text for each dimension (empty where it has no value) and :data:`SUMS`.
    """
    rows = _rows(question)
    keys = [_key(rows, name) for name in question.by]
    named = [key.label(name) for key, name in zip(keys, question.by, strict=True)]
    # By position: the same expression with its own parameters would be another one to Postgres.
    places: list[sa.ColumnElement[Any]] = [
        sa.literal_column(str(number)) for number in range(1, len(keys) + 1)
    ]
    query = sa.select(*named, *_sums(rows, by_call(question))).group_by(*places)
    if after is not None and keys:
        query = query.where(sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, after)))
    result = await connection.execute(query.order_by(*places).limit(limit))
    return [_plain(row) for row in result.mappings()]


async def totals(connection: AsyncConnection, question: Question) -> dict[str, Any]:
    """Return the sums of everything that is asked for."""
    query = sa.select(*_sums(_rows(question), by_call(question)))
    return _plain((await connection.execute(query)).mappings().one())


def by_call(question: Question) -> bool:
    """Tell whether calls of experts are told apart."""
    return not _BY_CALL.isdisjoint((*question.by, *question.only))


def conditions(question: Question) -> list[sa.ColumnElement[bool]]:
    """Return what rows of the usage table must fulfil, the expert aside."""
    period = question.period
    return [
        usage.c.started_at >= period.start,
        usage.c.started_at < period.end,
        *(
            usage.c[_COLUMNS[name]] == value
            for name, value in question.only.items()
            if name not in _BY_CALL
        ),
    ]


def _rows(question: Question) -> Any:
    """Return the rows to be summed up: requests, or their calls where experts are told apart."""
    if not by_call(question):
        return sa.select(usage).where(*conditions(question)).subquery("asked")
    calls = _calls(question).subquery("asked")
    expert = question.only.get("expert")
    if expert is None:
        return calls
    return sa.select(calls).where(calls.c.expert == expert).subquery("chosen")


def _calls(question: Question) -> sa.CompoundSelect[Any]:
    """Return a row for each call of an expert, with the columns of the usage table."""
    elements = sa.func.jsonb_array_elements(usage.c.attempts)
    call = elements.table_valued(sa.column("value", JSONB)).lateral("call")
    said = call.c.value
    named: dict[str, sa.ColumnElement[Any]] = {
        "expert": said["expert"].astext,
        "expert_version": said["version"].astext.cast(sa.Integer),
        "tokens_estimated": sa.func.coalesce(
            said["tokens_estimated"].astext.cast(sa.Boolean), sa.false()
        ),
    }
    for name in _TOKENS:
        named[name] = sa.func.coalesce(said[name].astext.cast(sa.BigInteger), 0)
    columns = [*_COLUMNS.values(), "request_id", "started_at", "tokens_estimated", *_TOKENS]
    asked = conditions(question)
    listed = sa.func.jsonb_array_length(usage.c.attempts)
    no_calls = sa.func.coalesce(listed, 0) == 0
    several = (
        sa.select(*((named[c] if c in named else usage.c[c]).label(c) for c in columns))
        .select_from(usage.join(call, sa.true()))
        .where(
            usage.c.attempts.is_not(None),
            said["outcome"].astext.is_distinct_from("skipped"),  # nobody called it
            *asked,
        )
    )
    one = sa.select(*(usage.c[c] for c in columns)).where(no_calls, *asked)
    return sa.union_all(one, several)


def _key(rows: Any, name: str) -> sa.ColumnElement[str]:
    if name in _TIMES:
        text = sa.func.to_char(sa.func.timezone("UTC", rows.c.started_at), _TIMES[name])
    else:
        text = sa.func.coalesce(sa.cast(rows.c[_COLUMNS[name]], sa.Text), "")
    return sa.collate(text, "C")


def _sums(rows: Any, by_call: bool) -> list[sa.ColumnElement[Any]]:
    requests = sa.func.count(sa.distinct(rows.c.request_id)) if by_call else sa.func.count()
    return [
        requests.label("requests"),
        requests.filter(rows.c.status == "failed").label("failed"),
        requests.filter(rows.c.status == "blocked").label("blocked"),
        requests.filter(rows.c.tokens_estimated).label("estimated"),
        *(sa.func.sum(rows.c[name]).label(name) for name in _TOKENS),
    ]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with whole numbers for sums, which Postgres gives as decimals."""
    return {name: int(row[name] or 0) if name in SUMS else row[name] for name in row}
