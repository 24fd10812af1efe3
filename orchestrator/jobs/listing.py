"""The list of jobs: searched, filtered, sorted, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.jobs.record import Row
from orchestrator.jobs.tables import jobs
from orchestrator.kit.searching import begins, has_words, ordered

Sort = Literal["-created", "created", "-cost", "cost", "-items", "items", "-failed", "failed"]
NEWEST: Sort = "-created"

# Made by Postgres; not in the table's description, so that it is not read with each job.
_WORDS: sa.ColumnElement[Any] = sa.literal_column("jobs.words", TSVECTOR)
_ORDERS: dict[str, tuple[sa.ColumnElement[Any], ...]] = {
    "created": (jobs.c.created_at, jobs.c.id),
    "cost": (jobs.c.cost_nanos, jobs.c.id),
    "items": (jobs.c.total, jobs.c.id),
    "failed": (jobs.c.failed, jobs.c.id),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs, in which order.

    Args:
        q: Words, or their beginnings, of the kind, the tenant, the error, what it waits for and the
            metadata; or what the id begins with, or the id of the key.
        kind: Only such.
        state: Only such.
        tenant: Only this one's; ``None``: any.
        sort: What comes first; ``-``: the latest, dearest, largest, those with the most failed items.
    """

    q: str | None = None
    kind: str | None = None
    state: str | None = None
    tenant: str | None = None
    sort: Sort = NEWEST

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what rows must fulfil."""
        equal = {"kind": self.kind, "state": self.state, "tenant": self.tenant}
        found = [jobs.c[name] == value for name, value in equal.items() if value is not None]
        return [*found, _found_by(self.q)] if self.q and self.q.strip() else found


async def page(
    connection: AsyncConnection, wanted: Wanted, *, limit: int, after: str | None
) -> list[Row]:
    """Return jobs in their order.

    Args:
        connection: To Postgres.
        wanted: Which.
        limit: How many at most.
        after: Id of the last job of the page before.
    """
    query = sa.select(jobs).where(*wanted.conditions())
    query = ordered(query, _ORDERS[wanted.sort.removeprefix("-")], wanted.sort, after)
    return [dict(row) for row in (await connection.execute(query.limit(limit))).mappings()]


def _found_by(text: str) -> sa.ColumnElement[bool]:
    told, typed = has_words(_WORDS, text), text.strip()
    if typed.startswith("key_"):
        return sa.or_(told, jobs.c.key_id == typed)
    beginning = begins(jobs.c.id, typed)
    return told if beginning is None else sa.or_(told, beginning)
