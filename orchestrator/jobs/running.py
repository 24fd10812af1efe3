"""The jobs that a worker does items of: their rows and owners, read anew every few seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import repository
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.owners import KeyGone, owner_of
from orchestrator.jobs.record import Row
from orchestrator.jobs.tables import jobs
from orchestrator.tenants.keys import Principal

_FRESH_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A running job.

    Args:
        row: As it is stored.
        owner: Whose it is.
        read_at: When it was read.
    """

    row: Row
    owner: Principal
    read_at: float


class Jobs:
    """The jobs of a worker.

    Args:
        engine: Postgres.
        kinds: Those that it can do.
    """

    def __init__(self, engine: AsyncEngine, kinds: Kinds) -> None:
        self._engine = engine
        self._kinds = kinds
        self._known: dict[str, Job] = {}

    async def get(self, job_id: str) -> Job | None:
        """Return a job to do items of; ``None`` if nothing is to be done for it any more."""
        now = time.monotonic()
        known = self._known.get(job_id)
        if known is not None and known.read_at + _FRESH_SECONDS > now:
            return known
        self._known = {k: v for k, v in self._known.items() if v.read_at + _FRESH_SECONDS > now}
        async with self._engine.begin() as connection:
            row = await repository.get(connection, job_id, None)
            if row is None or row["state"] != "running" or row["kind"] not in self._kinds:
                return None
            try:
                owner = await owner_of(connection, row)
            except KeyGone:
                log.warning("job %s is stopped: its key was revoked", job_id)
                await repository.stop(connection, job_id, "failed")
                await repository.explain(
                    connection,
                    job_id,
                    "key_revoked",
                    "The key it was made with was revoked, or its tenant suspended.",
                )
                return None
        self._known[job_id] = Job(row, owner, now)
        return self._known[job_id]

    async def still_running(self, job_ids: Collection[str]) -> frozenset[str]:
        """Return those of some jobs that are running."""
        if not job_ids:
            return frozenset()
        query = sa.select(jobs.c.id).where(jobs.c.id.in_(list(job_ids)), jobs.c.state == "running")
        async with self._engine.connect() as connection:
            return frozenset(await connection.scalars(query))
