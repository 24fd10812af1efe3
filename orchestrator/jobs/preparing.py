"""Prepares jobs, one at a time: a job that was cut short is taken up by whoever looks next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import ending, repository
from orchestrator.jobs.away import AWAY
from orchestrator.jobs.kinds import JobGone, Kinds

_LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Preparer:
    """Prepares jobs.

    Args:
        engine: Postgres.
        kinds: How jobs of each kind are prepared.
        worker: Returns the name that the worker's lease is under.
        news: Is told of new items.
    """

    engine: AsyncEngine
    kinds: Kinds
    worker: Callable[[], str]
    tell: Callable[[], None]
    wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Prepare jobs until cancelled."""
        while True:
            self.wanted.clear()
            try:
                while await self.once():
                    pass
            except AWAY as error:
                log.warning("no jobs are prepared for now: %s", error)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self.wanted.wait()
            except TimeoutError:
                continue

    async def once(self) -> bool:
        """Prepare a job if there is one to be prepared; returns whether there was."""
        async with self.engine.begin() as connection:
            job = await repository.take(connection, self.worker())
        if job is None:
            return False
        try:
            await self.kinds[job["kind"]].prepare(job)
        except JobGone:
            log.info("job %s is another worker's, or stopped", job["id"])
        except AWAY:
            raise  # its lease is kept, and it is let go with that; or taken up again
        except Exception:
            log.exception("job %s met a bug", job["id"])
            told = f"A bug of ours. Report it with {job['id']}."
            async with self.engine.begin() as connection:
                await ending.fail(connection, job, self.kinds, code="internal_error", message=told)
        self.tell()
        return True
