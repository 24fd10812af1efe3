"""A worker's turn at a job as a whole: all that it stores counts only while the job is still its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.jobs import repository
from orchestrator.jobs.record import Row
from orchestrator.jobs.tables import jobs

_TOLD_SECONDS = 0.5

Finish = Callable[[AsyncConnection, str], Awaitable[Any]]
"""Ends a job all of whose items have ended, within a transaction."""
Fail = Callable[[AsyncConnection, Row, str, str, list[Any] | None], Awaitable[Row | None]]
"""Ends a job as failed, within a transaction: code, sentence, what is wrong with its input; ``None``: it
is gone."""


class JobGone(Exception):
    """The job is another worker's by now, or stopped."""


class Turn:
    """Stores how far a job is, and how it ends.

    Args:
        engine: Postgres.
        job: As it was taken.
        finish: Ends it well.
        fail: Ends it badly.
    """

    def __init__(self, engine: AsyncEngine, job: Row, finish: Finish, fail: Fail) -> None:
        self.engine = engine
        self._job = job
        self._finish = finish
        self._fail = fail
        self._told_at = -_TOLD_SECONDS

    async def begin(self) -> None:
        """Have the job be running.

        Raises:
            JobGone: As all of these methods do.
        """
        await self.note(
            state="running", started_at=sa.func.coalesce(jobs.c.started_at, repository.NOW)
        )

    async def tell(self, doing: str, done: int = 0, of: int | None = None) -> None:
        """Tell those who look how far it is; what comes too fast is left out.

        Args:
            doing: What is done.
            done: How much of it is.
            of: How much there is, where that is known.
        """
        now = time.monotonic()
        if now - self._told_at < _TOLD_SECONDS:
            return
        self._told_at = now
        await self.note(work={"doing": doing, "done": done, "of": of})

    async def note(self, **values: Any) -> Row:
        """Store columns of the job, such as ``kept``: what its kind needs to go on from here."""
        async with self.engine.begin() as connection:
            return mine(await repository.note(connection, self._job, **values))

    async def finish(self, result: Row | None = None) -> None:
        """End the job, or have it end with its items, where there are some that have not.

        Args:
            result: What came of it, as it is shown.
        """
        done = {"state": "running", "prepared": True, "worker": None, "work": None}
        async with self.engine.begin() as connection:
            mine(await repository.note(connection, self._job, result=result, **done))
            await self._finish(connection, self._job["id"])

    async def fail(self, code: str, message: str, problems: list[Any] | None = None) -> None:
        """End the job as failed.

        Args:
            code: Why; one of the error codes.
            message: The same for a person.
            problems: What is wrong with its input, where that is why.
        """
        async with self.engine.begin() as connection:
            mine(await self._fail(connection, self._job, code, message, problems))


def mine(changed: Row | None) -> Row:
    """Return what a change of a job returned.

    Raises:
        JobGone: If it changed nothing.
    """
    if changed is None:
        raise JobGone
    return changed
