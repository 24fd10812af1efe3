"""What is done every so often for the whole installation, whoever does it.

Every process that knows a task looks for it; one row a task in Postgres says when it is due, and one statement
takes it: who has a task has its lease, renewed while it is done, so nobody else begins it, and a process that
dies loses it. There is no leader that could be missing, and no transaction is open while a task is done.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import timetable
from orchestrator.jobs.away import AWAY
from orchestrator.kit.changes import cancelled

_LONGEST_PAUSE = 5.0
_LEASE_SECONDS = 30.0
_PROBLEM_CHARACTERS = 500
_SOON = 0.9
"""Part of its time after which a task is due: it is looked at that often itself."""

log = logging.getLogger(__name__)


class TaskFailed(Exception):
    """A task could not be done, for a reason that is no bug; says which."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done every so often.

    Args:
        name: Unique.
        every: Seconds between two beginnings.
        do: Does it. What it raises is noted, and it is done again when it is due.
    """

    name: str
    every: float
    do: Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Schedule:
    """Does tasks when they are due.

    Args:
        engine: Postgres.
        tasks: Those that this process can do.
        lease: Seconds until a task of a silent process is taken over.
        holder: Unique name of this process's part.
    """

    engine: AsyncEngine
    tasks: Sequence[Task]
    lease: float = _LEASE_SECONDS
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _known: bool = False
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Do what is due until cancelled; one task does not wait for another."""
        pause = min(_LONGEST_PAUSE, *(task.every for task in self.tasks))
        try:
            while True:
                self.wanted.clear()
                try:
                    for task in await self._taken():
                        self._busy[task.name] = asyncio.create_task(self._do(task))
                        self._busy[task.name].add_done_callback(partial(self._done, task.name))
                except AWAY as error:
                    log.warning("the schedule waits: %s", error)
                try:
                    async with asyncio.timeout(pause):
                        await self.wanted.wait()
                except TimeoutError:
                    continue
        finally:
            for doing in list(self._busy.values()):
                await cancelled(doing)

    async def once(self) -> list[str]:
        """Do what is due and nobody else does; returns the names of that."""
        taken = await self._taken()
        for task in taken:
            await self._do(task)
        return [task.name for task in taken]

    async def _taken(self) -> list[Task]:
        if not self._known:
            async with self.engine.begin() as connection:
                await timetable.register(connection, {one.name: one.every for one in self.tasks})
            self._known = True
        free = [task for task in self.tasks if task.name not in self._busy]
        async with self.engine.begin() as connection:
            names = await timetable.take(
                connection, [task.name for task in free], self.holder, self.lease, _SOON
            )
        return [task for task in free if task.name in names]

    async def _do(self, task: Task) -> None:
        """Do a task that this process has, and say how it went."""
        began = time.monotonic()
        keeping = asyncio.create_task(self._keep(task))
        problem: str | None = None
        try:
            await task.do()
        except TaskFailed as error:
            log.warning("%s failed: %s", task.name, error)
            problem = str(error)[:_PROBLEM_CHARACTERS]
        except (*AWAY, RedisError) as error:
            log.warning("%s waits: %s", task.name, error)
            problem = _told(error)
        except Exception as error:
            log.exception("%s met a bug", task.name)
            problem = _told(error)
        except asyncio.CancelledError:
            problem = "It was cut short, since its process stopped."
            raise
        finally:
            await cancelled(keeping)
            await self._note(task, time.monotonic() - began, problem)

    async def _note(self, task: Task, seconds: float, problem: str | None) -> None:
        try:
            async with self.engine.begin() as connection:
                await timetable.note(connection, task.name, self.holder, seconds, problem)
        except AWAY as error:
            log.warning("how %s went is not noted: %s", task.name, error)

    async def _keep(self, task: Task) -> None:
        while True:
            await asyncio.sleep(self.lease / 3)
            try:
                async with self.engine.begin() as connection:
                    await timetable.renew(connection, task.name, self.holder, self.lease)
            except AWAY as error:
                log.warning("the lease of %s is not renewed: %s", task.name, error)

    def _done(self, name: str, _: asyncio.Task[None]) -> None:
        del self._busy[name]


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_PROBLEM_CHARACTERS]
