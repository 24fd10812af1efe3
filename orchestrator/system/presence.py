"""Which processes there are: each says so in Redis every few seconds, and is forgotten once it no longer does."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.kit.changes import cancelled
from orchestrator.system.build import own_version

KEY = "coe:processes"
SECONDS_UNTIL_GONE = 15.0
_BEAT_SECONDS = 5.0
_KEPT_SECONDS = 3600

Kind = Literal["replica", "worker"]

log = logging.getLogger(__name__)


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the installation, as it tells of itself.

    Args:
        id: Unique.
        kind: A replica serves requests, a worker does what is in the background.
        host: Name of the machine.
        pid: Its process id there.
        version: Of the service.
        python: Of the interpreter.
        started_at: When it was ready.
        state: How it is: of a replica what ``/readyz`` says, or ``stopping``; of a worker ``working``.
        address: Where a replica listens.
        number: Of a replica, which of the processes it is that share an address; ``None``: it has it alone.
        busy: What it is at, by what that is: requests, runs, items.
        seen_at: When it last said so, by Redis's clock; Unix time in seconds.
    """

    id: str
    kind: Kind
    host: str
    pid: int
    version: str
    python: str
    started_at: datetime
    state: str
    address: str | None = None
    number: int | None = None
    busy: dict[str, int] = {}
    seen_at: float = 0.0


class Presence:
    """Says that this process is there.

    Args:
        redis: Where.
        kind: What it is.
        identity: Unique name of it.
        address: Where it listens.
        number: Which of the processes it is that listen there.
        state: Tells how it is.
        busy: Tells what it is at.
        every: Seconds between two times.
    """

    def __init__(
        self,
        redis: Redis,
        kind: Kind,
        identity: str,
        *,
        address: str | None = None,
        number: int | None = None,
        state: Callable[[], Awaitable[str]],
        busy: Callable[[], dict[str, int]],
        every: float = _BEAT_SECONDS,
    ) -> None:
        self._redis = redis
        self._state = state
        self._busy = busy
        self._every = every
        self._silent = False
        self._process = Process(
            id=identity,
            kind=kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=own_version(),
            python=platform.python_version(),
            started_at=datetime.now(UTC),
            state="starting",
            address=address,
            number=number,
        )

    @asynccontextmanager
    async def announced(self) -> AsyncIterator[None]:
        """Say so for as long as this is open."""
        await self._try_to_beat()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            await cancelled(task)
            try:
                await self._redis.hdel(KEY, self._process.id)
            except (RedisError, OSError) as error:
                log.info("this process is listed until it is forgotten: %s", error)

    async def beat(self) -> None:
        """Say so now, and forget those who no longer do.

        Raises:
            RedisError: If Redis does not answer.
        """
        state, busy = await self._state(), self._busy()
        now = await _now(self._redis)
        process = msgspec.structs.replace(self._process, state=state, busy=busy, seen_at=now)
        gone = [one.id for one in await _all(self._redis) if _gone(one, now)]
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(KEY, process.id, msgspec.json.encode(process))
            pipe.expire(KEY, _KEPT_SECONDS)
            if gone:
                pipe.hdel(KEY, *gone)
            await pipe.execute()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._try_to_beat()

    async def _try_to_beat(self) -> None:
        try:
            await self.beat()
        except (RedisError, OSError) as error:
            if not self._silent:
                log.warning("the list of processes does not show this one for now: %s", error)
            self._silent = True
        else:
            self._silent = False


async def processes(redis: Redis) -> list[Process]:
    """Return the processes that are there, by kind and start.

    Raises:
        RedisError: If Redis does not answer.
    """
    now = await _now(redis)
    there = [one for one in await _all(redis) if not _gone(one, now)]
    return sorted(there, key=lambda one: (one.kind, one.started_at, one.id))


def _gone(process: Process, now: float) -> bool:
    return now - process.seen_at > SECONDS_UNTIL_GONE


async def _all(redis: Redis) -> list[Process]:
    """Return whoever is listed; what another version of the service wrote in a way of its own is left out."""
    found = []
    for line in (await redis.hgetall(KEY)).values():
        try:
            found.append(msgspec.json.decode(line, type=Process))
        except msgspec.ValidationError as error:
            log.debug("a process tells of itself in another way: %s", error)
    return found


async def _now(redis: Redis) -> float:
    """Return the time by Redis's clock: those of the processes may differ."""
    seconds, microseconds = await redis.time()
    return float(seconds + microseconds / 1e6)
