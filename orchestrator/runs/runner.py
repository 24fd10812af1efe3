"""A worker's share of the runs: up to so many at once on one event loop, each under a lease.

Postgres says who has which run. A lease that is not renewed lapses, and any worker may take the run
over, from the steps that have ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Literal

import psycopg
import sqlalchemy.exc
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.kit import logs_context
from orchestrator.runs.execution import Claimed, Executor
from orchestrator.runs.live import waited

Want = Literal["cancel", "drop", "give_back"]
"""Why a run is stopped: somebody wants it cancelled, another has it, or this process ends."""

_PARTS_OF_A_LEASE = 3.0
_STOP_SECONDS = 5.0

_AWAY = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    OSError,
)
"""What is raised while Postgres is away, by whoever talks to it."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    claimed: Claimed
    task: asyncio.Task[None]
    want: Want | None = None

    def stop(self, want: Want) -> None:
        if self.want is None:
            self.want = want
            self.task.cancel()


@dataclass(slots=True)
class Runner:
    """Takes runs and does them.

    Args:
        executor: Does one.
        worker: Unique name of this process.
        capacity: How many run at once.
        lease: Seconds until a run whose worker is silent may be taken over.
    """

    executor: Executor
    worker: str
    capacity: int
    lease: float
    steered: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[str, _Running] = field(default_factory=dict)
    _free: asyncio.Semaphore = field(init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.capacity)

    @property
    def busy(self) -> int:
        """How many runs it is at."""
        return len(self._running)

    async def offer(self, run_id: str) -> bool:
        """Take a run once there is room for it; returns when it is taken, or is not to be had.

        Returns:
            Whether it was taken.
        """
        if not await self._place():
            return False
        taken = False
        try:
            if self._stopping.is_set() or run_id in self._running:
                return False
            claimed = await self.executor.claim(run_id, self.worker, self.lease)
            if claimed is None:
                return False
            task = asyncio.create_task(self._execute(claimed))
            self._running[run_id] = _Running(claimed, task)
            task.add_done_callback(lambda _: self._left(run_id))
            taken = True
        finally:
            if not taken:
                self._free.release()
        return taken

    async def _place(self) -> bool:
        """Wait for a place; tell whether there is one, or none any more."""
        place = asyncio.ensure_future(self._free.acquire())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait((place, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if place.done():
            return True
        place.cancel()
        return False

    async def keep_leases(self) -> None:
        """Renew the leases, and stop what is to be cancelled or has been lost, until cancelled."""
        while True:
            await waited(self.steered, self.lease / _PARTS_OF_A_LEASE)
            known = set(self._running)
            if not known:
                continue
            try:
                mine = await self.executor.renew(known, self.worker, self.lease)
            except (SQLAlchemyError, OSError) as error:
                log.warning("leases of runs not renewed: %s", error)
                continue
            for run_id in known:
                running = self._running.get(run_id)
                if running is None:
                    continue
                if run_id not in mine:
                    log.warning("run %s is another worker's by now", run_id)
                    running.stop("drop")
                elif mine[run_id]:
                    running.stop("cancel")

    def refuse(self) -> None:
        """Take no more runs; those who wait for a place are sent away."""
        self._stopping.set()

    async def stop(self) -> list[str]:
        """Take no more runs, and give back those there are; returns them."""
        self.refuse()
        given = list(self._running)
        for running in list(self._running.values()):
            running.stop("give_back")
        tasks = [running.task for running in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        return given

    async def _execute(self, claimed: Claimed) -> None:
        with logs_context.working(run_id=claimed.id, tenant=claimed.row["tenant"]):
            await self._executed(claimed)

    async def _executed(self, claimed: Claimed) -> None:
        try:
            await self.executor.execute(claimed)
        except asyncio.CancelledError:
            await self._stopped(claimed)
        except _AWAY:
            # The lease runs out, and another try is made: what is stored is not lost.
            log.exception("run %s cannot go on for now", claimed.id)
        except Exception:
            log.exception("run %s met a bug", claimed.id)
            told = f"A bug of ours. Report it with {claimed.id}."
            await self._settled(self.executor.fail(claimed, "internal_error", told), claimed.id)

    def _left(self, run_id: str) -> None:
        del self._running[run_id]
        self._free.release()

    async def _stopped(self, claimed: Claimed) -> None:
        running = self._running.get(claimed.id)
        want = running.want if running is not None else None
        if want == "cancel":
            await self._settled(self.executor.cancel(claimed), claimed.id)
        elif want == "give_back":
            await self._settled(self.executor.give_back(claimed), claimed.id)

    async def _settled(self, settling: Awaitable[object], run_id: str) -> None:
        try:
            await settling
        except (SQLAlchemyError, OSError) as error:
            log.warning("run %s is left to its lease: %s", run_id, error)
