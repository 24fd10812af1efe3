"""A worker's part in jobs, put together: its lease, what prepares jobs, what does their items, upkeep."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import items, leases, repository
from orchestrator.jobs.away import AWAY
from orchestrator.jobs.dispatcher import Dispatcher
from orchestrator.jobs.fairness import Turns
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.money import Budgets
from orchestrator.jobs.preparing import Preparer
from orchestrator.jobs.schedule import Schedule, Task
from orchestrator.jobs.upkeep import Upkeep
from orchestrator.jobs.writer import Writer
from orchestrator.kit.changes import cancelled
from orchestrator.usage.record import UsageRecord

_PARTS_OF_A_LEASE = 3.0
_LOOK_SECONDS = 2.0
_FORGET_SECONDS = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobRules:
    """How a worker goes about jobs.

    Args:
        most: Items under way at once.
        lease: Seconds until what a silent worker has taken is taken back.
        retention: Seconds that ended jobs are kept.
        weights: Of tenants' turns.
    """

    most: int
    lease: float
    retention: float
    weights: Mapping[str, float] = field(default_factory=dict)


class JobWorker:
    """Works on jobs.

    Args:
        engine: Postgres.
        kinds: The kinds of jobs.
        budgets: Reserves what items may cost.
        rules: How it goes about them.
        name: Unique name of this process.
        seen: Is told of the usage of each item that has ended.
        tasks: What else is done every so often.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        kinds: Kinds,
        budgets: Budgets,
        rules: JobRules,
        name: str,
        seen: Callable[[UsageRecord], None],
        tasks: Sequence[Task] = (),
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._base = name
        self._name = name
        self._budgets = budgets
        self.writer = Writer(engine, kinds, seen, lambda: self.preparer.wanted.set())
        self.dispatcher = Dispatcher(
            engine,
            kinds,
            self.writer,
            budgets,
            Turns(rules.weights),
            rules.most,
            lambda: self._name,
        )
        self.preparer = Preparer(engine, kinds, lambda: self._name, self.dispatcher.look)
        self.upkeep = Upkeep(engine, kinds, rules.retention)
        self.schedule = Schedule(
            engine,
            (
                Task("jobs.look", min(_LOOK_SECONDS, rules.lease / 3), self._looked),
                Task("jobs.forget", _FORGET_SECONDS, self.upkeep.forget_old),
                *tasks,
            ),
        )

    @property
    def name(self) -> str:
        """What its lease is under."""
        return self._name

    def wake(self) -> None:
        """Look for jobs and items now."""
        self.preparer.wanted.set()
        self.dispatcher.look()
        self.schedule.wanted.set()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work on jobs, and at the end leave to others what has not ended."""
        async with self._engine.begin() as connection:
            await leases.register(connection, self._name, self._rules.lease)
        storing = asyncio.create_task(self.writer.run())
        others = [
            asyncio.create_task(work)
            for work in (
                self._keep_lease(),
                self.schedule.run(),
                self.preparer.run(),
                self.dispatcher.run(),
                self._budgets.run(),
            )
        ]
        try:
            yield
        finally:
            for task in others[1:]:
                await cancelled(task)
            await self._leave()
            await cancelled(others[0])
            await cancelled(storing)

    async def _leave(self) -> None:
        try:
            await self.dispatcher.stop()
            await self._budgets.settled()
            async with self._engine.begin() as connection:
                await repository.let_go(connection, self._name)
                await leases.give_up(connection, self._name)
                await items.take_back(connection)
        except AWAY as error:
            log.warning("what this worker had is left to its lease: %s", error)

    async def _looked(self) -> None:
        await self.upkeep.look()
        self.dispatcher.look()

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._rules.lease / _PARTS_OF_A_LEASE)
            try:
                async with self._engine.begin() as connection:
                    kept = await leases.renew(connection, self._name, self._rules.lease)
                if not kept:
                    await self._begin_anew()
                await self.dispatcher.release_stopped()
            except AWAY as error:
                log.warning("the lease for items is not renewed: %s", error)

    async def _begin_anew(self) -> None:
        """Drop what the lease that has lapsed was for, and take another under another name."""
        log.warning("the lease for items had lapsed: what was taken is others' by now")
        self.dispatcher.drop()
        self._name = f"{self._base}-{secrets.token_hex(2)}"
        async with self._engine.begin() as connection:
            await leases.register(connection, self._name, self._rules.lease)
