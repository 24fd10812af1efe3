"""Notes what a shadow version would have decided, apart from any request.

Requests only leave an observation behind. A background task makes the shadow's decisions in a
thread and writes them in batches. When too much waits, or Postgres is away, observations are
dropped and counted: they are samples, not records.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.routers.service import Observation
from orchestrator.routers.tables import router_versions, shadow_decisions
from router import RoutingDecision

MAX_WAITING = 2_000
MAX_KEPT = 200_000
"""Rows of all versions together; the oldest are removed."""
_SECONDS = 1.0

log = logging.getLogger(__name__)


class ShadowLog:
    """Collects observations and writes down what the shadow says to them.

    Args:
        engine: Where decisions are kept.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: deque[Observation] = deque()
        self.dropped = 0

    def observe(self, observation: Observation) -> None:
        """Leave an observation for later; costs nothing and never fails."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(observation)

    async def run(self) -> None:
        """Write down what has come in, every second, until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Decide and write down everything that waits."""
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not batch:
            return
        rows = await asyncio.to_thread(_rows, batch)
        try:
            await self._write(rows)
        except (SQLAlchemyError, OSError) as error:
            self.dropped += len(rows)
            log.warning("%d shadow decisions were not written: %s", len(rows), error)

    async def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        async with self._engine.begin() as connection:
            known = set(await connection.scalars(sa.select(router_versions.c.id)))
            kept = [row for row in rows if row["version_id"] in known]
            if kept:
                await connection.execute(sa.insert(shadow_decisions), kept)
            newest = sa.select(sa.func.max(shadow_decisions.c.id)).scalar_subquery()
            old = shadow_decisions.c.id <= newest - MAX_KEPT
            await connection.execute(sa.delete(shadow_decisions).where(old))


def _rows(batch: Sequence[Observation]) -> list[dict[str, Any]]:
    rows = []
    for observation in batch:
        shadow = observation.shadow
        if observation.request.policy not in shadow.router.policies:
            continue
        try:
            pool = shadow.pool(observation.catalogue, observation.down)
            decision = shadow.router.decide(observation.request, pool)
        except Exception:
            log.exception("shadow %s could not decide", shadow.version_id)
            continue
        rows.append(_row(observation, decision))
    return rows


def _row(observation: Observation, decision: RoutingDecision) -> dict[str, Any]:
    live = observation.decision
    return {
        "version_id": observation.shadow.version_id,
        "request_id": observation.request_id,
        "live_version": live.router_version,
        "policy": live.policy,
        "live_category": live.category,
        "category": decision.category,
        "live_expert": live.expert,
        "expert": decision.expert,
        "live_cost_usd": live.candidates[0].cost,
        "cost_usd": decision.candidates[0].cost,
    }
