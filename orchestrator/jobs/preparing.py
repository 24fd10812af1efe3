"""A worker's share of the jobs as a whole: it takes them, one of each kind at a time, and brings them forward.

A job that was cut short is taken up by whoever looks next, one whose worker died too: its lease lapses. One that
is cancelled, or another's by now, is let go of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.jobs import ending, repository
from orchestrator.jobs.away import AWAY
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.record import Row
from orchestrator.jobs.turn import JobGone, Turn
from orchestrator.kit.changes import cancelled

_LOOK_SECONDS = 1.0
_MOST_LOSSES = 3
"""Workers that may die of a job."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Preparer:
    """Brings jobs forward.

    Args:
        engine: Postgres.
        kinds: How that is done.
        worker: Returns the name that the worker's lease is under.
        tell: Is told of new items.
    """

    engine: AsyncEngine
    kinds: Kinds
    worker: Callable[[], str]
    tell: Callable[[], None]
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: dict[str, tuple[Row, asyncio.Task[None]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Bring jobs forward until cancelled."""
        try:
            while True:
                self.wanted.clear()
                try:
                    await self._let_go()
                    await self._take_all()
                except AWAY as error:
                    log.warning("no jobs are taken for now: %s", error)
                try:
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self.wanted.wait()
                except TimeoutError:
                    continue
        finally:
            for _, task in list(self._busy.values()):
                await cancelled(task)

    async def once(self) -> bool:
        """Bring a job forward if there is one to be; returns whether there was."""
        job = await self._taken(self.kinds)
        if job is None:
            return False
        await self._bring(job)
        return True

    async def _take_all(self) -> None:
        while free := self.kinds.keys() - self._busy.keys():
            job = await self._taken(free)
            if job is None:
                return
            task = asyncio.create_task(self._bring(job))
            self._busy[job["kind"]] = job, task
            task.add_done_callback(partial(self._done, job["kind"]))

    async def _taken(self, kinds: Collection[str]) -> Row | None:
        mine = [job["id"] for job, _ in self._busy.values()]
        async with self.engine.begin() as connection:
            return await repository.take(connection, self.worker(), kinds, mine)

    def _done(self, kind: str, task: asyncio.Task[None]) -> None:
        del self._busy[kind]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a job is left for now, and taken up again: %s", error)
        else:
            self.wanted.set()

    async def _let_go(self) -> None:
        """Stop whatever is not this worker's any more, or cancelled."""
        if not self._busy:
            return
        ids = [job["id"] for job, _ in self._busy.values()]
        async with self.engine.connect() as connection:
            held = await repository.held(connection, self.worker(), ids)
        for job, task in list(self._busy.values()):
            if job["id"] not in held and not task.done():
                log.info("job %s is another worker's, or stopped", job["id"])
                task.cancel()

    async def _bring(self, job: Row) -> None:
        turn = Turn(self.engine, job, self._finish, self._fail)
        try:
            if job["losses"] > _MOST_LOSSES:
                await turn.fail("worker_lost", "Every worker that was at it died.")
                return
            await self.kinds[job["kind"]].run(job, turn)
        except JobGone:
            log.info("job %s is another worker's, or stopped", job["id"])
        except AWAY:
            raise  # it stays this worker's, who takes it up again
        except Exception:
            log.exception("job %s met a bug", job["id"])
            told = f"A bug of ours. Report it with {job['id']}."
            async with self.engine.begin() as connection:
                await self._fail(connection, job, "internal_error", told, None)
        self.tell()

    async def _finish(self, connection: AsyncConnection, job_id: str) -> Row | None:
        return await ending.finish(connection, job_id, self.kinds)

    async def _fail(
        self,
        connection: AsyncConnection,
        job: Row,
        code: str,
        message: str,
        problems: list[Any] | None,
    ) -> Row | None:
        return await ending.fail(
            connection, job, self.kinds, code=code, message=message, problems=problems
        )
