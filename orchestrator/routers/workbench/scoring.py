"""Experts by category: what a version expects of each, and what was found since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.routers.workbench.benches import Bench, Benches
from orchestrator.routers.workbench.live import Feedback, Found
from router.mapping import TYPICAL_PROMPT_TOKENS, Floats
from router.whatif import Known, known

Sort = Literal["quality", "-quality", "expert", "-expert", "cost", "-cost"]


class ScorePage(NamedTuple):
    """Some experts of a version.

    Args:
        bench: The version.
        known: What is known of all candidates.
        usd: Expected US dollars of a request at each, shape (E,).
        rows: Numbers of the experts, up to one more than the page holds.
        found: What was found since, by expert and category.
    """

    bench: Bench
    known: Known
    usd: Floats
    rows: list[int]
    found: Mapping[tuple[str, str], Found]


class PlaceUnknown(Exception):
    """No expert of the list has this id."""


class Scoring:
    """Score matrices of versions.

    Args:
        benches: Opens them.
        engine: Where scores are kept.
        feedback: Where they are read.
    """

    def __init__(self, benches: Benches, engine: AsyncEngine, feedback: Feedback) -> None:
        self._benches = benches
        self._engine = engine
        self._feedback = feedback

    async def page(
        self, version_id: str, *, q: str, sort: Sort, limit: int, after: str | None
    ) -> ScorePage:
        """Return some experts with what is known of each, category by category.

        Args:
            version_id: Which version.
            q: Text in the experts' ids.
            sort: The order; by ``-`` the highest first.
            limit: Experts.
            after: Id of the expert that they come after.

        Raises:
            PlaceUnknown: If there is no such expert in the list.
            RouterVersionError: If the version cannot be opened.
        """
        bench = await self._benches.open(version_id)
        pool, table = bench.pool, known(bench.router, bench.pool)
        usd = pool.costs_usd(TYPICAL_PROMPT_TOKENS)
        ids = pool.ids.tolist()
        order = [
            row for row in _order(table, usd, ids, sort) if q.casefold() in ids[row].casefold()
        ]
        if after is not None:
            place = pool.positions.get(after)
            if place is None or place not in order:
                raise PlaceUnknown(after)
            order = order[order.index(place) + 1 :]
        rows = order[: limit + 1]
        async with self._engine.connect() as connection:
            found = await self._feedback.scores(connection, [ids[row] for row in rows])
        return ScorePage(
            bench, table, usd, rows, {(each.expert, each.category): each for each in found}
        )


def _order(table: Known, usd: Floats, ids: list[str], sort: Sort) -> list[int]:
    """Return the numbers of all experts in order; of equals the first by id."""
    key = sort.removeprefix("-")
    if key == "expert":
        return sorted(range(len(ids)), key=ids.__getitem__, reverse=sort.startswith("-"))
    values = usd if key == "cost" else table.quality.mean(axis=0)
    signed = -values if sort.startswith("-") else values
    order: list[int] = np.lexsort((np.array(ids, dtype=str), signed)).tolist()
    return order
