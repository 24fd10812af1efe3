"""The list of runs: searched, filtered, sorted, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.kit.searching import begins, has_words, ordered
from orchestrator.runs.tables import runs

Sort = Literal["-created", "created", "-cost", "cost", "-took", "took"]
NEWEST: Sort = "-created"

# Made by Postgres; not in the table's description, so that they are not read with each run.
_WORDS: sa.ColumnElement[Any] = sa.literal_column("runs.words", TSVECTOR)
_TOOK: sa.ColumnElement[Any] = sa.literal_column("runs.took", sa.Double)
_ORDERS: dict[str, tuple[sa.ColumnElement[Any], ...]] = {
    "created": (runs.c.id,),  # ids begin with the time
    "cost": (runs.c.cost_nanos, runs.c.id),
    "took": (_TOOK, runs.c.id),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs, in which order.

    Args:
        q: Words, or their beginnings, of the task, the answer, the strategy, the tenant, the error and the
            metadata; or what the id begins with, or the id of the key or of the request.
        status: Only such.
        strategy: Only those of this one.
        tenant: Only this one's.
        sort: What comes first; ``-``: the latest, dearest, slowest.
    """

    q: str | None = None
    status: str | None = None
    strategy: str | None = None
    tenant: str | None = None
    sort: Sort = NEWEST

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what rows must fulfil."""
        equal = {"status": self.status, "strategy": self.strategy, "tenant": self.tenant}
        found = [runs.c[name] == value for name, value in equal.items() if value is not None]
        return [*found, _found_by(self.q)] if self.q and self.q.strip() else found


async def page(
    connection: AsyncConnection, seen: str | None, wanted: Wanted, *, limit: int, after: str | None
) -> list[dict[str, Any]]:
    """Return runs in their order.

    Args:
        connection: To Postgres.
        seen: The tenant whose runs the caller sees; ``None``: everybody's.
        wanted: Which.
        limit: How many at most.
        after: Id of the last run of the page before.
    """
    query = sa.select(runs).where(*wanted.conditions())
    if seen is not None:
        query = query.where(runs.c.tenant == seen)
    query = ordered(query, _ORDERS[wanted.sort.removeprefix("-")], wanted.sort, after)
    return [dict(row) for row in (await connection.execute(query.limit(limit))).mappings()]


def _found_by(text: str) -> sa.ColumnElement[bool]:
    told, typed = has_words(_WORDS, text), text.strip()
    for prefix, column in (("key_", runs.c.key_id), ("req_", runs.c.request_id)):
        if typed.startswith(prefix):
            return sa.or_(told, column == typed)
    beginning = begins(runs.c.id, typed)
    return told if beginning is None else sa.or_(told, beginning)
