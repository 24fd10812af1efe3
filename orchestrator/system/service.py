"""Everything that is known of the installation at a moment, put together."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.queue import RunQueue
from orchestrator.system.build import packages
from orchestrator.system.presence import Kind, Presence, Process, processes
from orchestrator.system.queues import OnTheWay, Waiting, read_on_the_way, read_waiting
from orchestrator.system.readings import PATIENCE_SECONDS, Reading, Readings
from orchestrator.system.stores import Database, Memory, read_database, read_memory


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of the data directory.

    Args:
        path: The directory.
        total_bytes: Of the file system.
        free_bytes: That this process may use.
        spool_bytes: Of usage that waits in a file for Redis.
    """

    path: str
    total_bytes: int
    free_bytes: int
    spool_bytes: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker: as it tells of itself, or as only its lease does.

    Args:
        id: Unique.
        process: What it tells; ``None``: nothing at the moment.
        lease_until: Until when others leave alone what it has taken; ``None``: no lease.
    """

    id: str
    process: Process | None
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All parts, each as it could be seen."""

    processes: Reading[list[Process]]
    waiting: Reading[Waiting]
    on_the_way: Reading[OnTheWay]
    database: Reading[Database]
    memory: Reading[Memory]
    disk: Reading[Disk]


class System:
    """Looks at the installation, and shows this process to others.

    Args:
        engine: Postgres.
        redis: Redis.
        queue: The way to the workers.
        data_dir: The data directory.
        spool: File of usage that waits for Redis.
        instance: Unique name of this process.
        patience: Seconds that a part gets to answer.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        redis: Redis,
        queue: RunQueue,
        data_dir: Path,
        spool: Path,
        instance: str,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.instance = instance
        self._redis = redis
        self._processes = Readings(lambda: processes(redis), patience)
        self._waiting = Readings(lambda: read_waiting(engine), patience)
        self._on_the_way = Readings(lambda: read_on_the_way(redis, queue), patience)
        self._database = Readings(lambda: read_database(engine), patience)
        self._memory = Readings(lambda: read_memory(redis), patience)
        self._disk = Readings(lambda: asyncio.to_thread(read_disk, data_dir, spool), patience)

    @asynccontextmanager
    async def announced(
        self,
        kind: Kind,
        *,
        identity: str | None = None,
        address: str | None = None,
        number: int | None = None,
        state: Callable[[], Awaitable[str]],
        busy: Callable[[], dict[str, int]],
    ) -> AsyncIterator[None]:
        """Show this process to others for as long as this is open; see :class:`Presence`."""
        presence = Presence(
            self._redis,
            kind,
            identity or self.instance,
            address=address,
            number=number,
            state=state,
            busy=busy,
        )
        async with presence.announced():
            looking = asyncio.create_task(self._look_once())
            try:
                yield
            finally:
                await looking

    async def _look_once(self) -> None:
        """Look, so that the first who asks is told at once: versions are read from many files."""
        await asyncio.to_thread(packages)
        await self.overview()

    async def overview(self) -> Overview:
        """Look at all parts at once; what does not answer at once is told as it was before."""
        seen = await asyncio.gather(
            self._processes.read(),
            self._waiting.read(),
            self._on_the_way.read(),
            self._database.read(),
            self._memory.read(),
            self._disk.read(),
        )
        return Overview(*seen)

    async def aclose(self) -> None:
        """Give up what is being looked at."""
        for readings in (
            self._processes,
            self._waiting,
            self._on_the_way,
            self._database,
            self._memory,
            self._disk,
        ):
            await readings.aclose()


def read_disk(data_dir: Path, spool: Path) -> Disk:
    """Look at the file system of a directory.

    Raises:
        OSError: If it cannot be read.
    """
    usage = shutil.disk_usage(data_dir)
    spooled = spool.stat().st_size if spool.exists() else 0
    return Disk(str(data_dir), usage.total, usage.free, spooled)


def workers_of(listed: list[Process], leases: Mapping[str, datetime]) -> list[Worker]:
    """Return the workers: those that are listed, and those of whom only a lease is known.

    A worker that lost its lease has taken another, whose name is longer than its own.
    """
    found, known = [], set()
    for process in listed:
        if process.kind != "worker":
            continue
        mine = [one for one in leases if one == process.id or one.startswith(f"{process.id}-")]
        known.update(mine)
        until = max((leases[one] for one in mine), default=None)
        found.append(Worker(process.id, process, until))
    silent = (Worker(one, None, until) for one, until in leases.items() if one not in known)
    return [*found, *sorted(silent, key=lambda worker: worker.id)]
