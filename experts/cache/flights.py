"""Of identical requests at the same moment one asks the expert, and the others have its answer.

First those of one process: they wait for one of them, without Redis. That one then waits for those
of other replicas, by asking Redis again and again, which is also how it learns that a leader has
gone: its lease ends within :data:`~experts.cache.store.LEASE_SECONDS`, and whoever asks next leads.
An announcement could be lost, and would have to be backed by the same question.

A leader that fails leaves the place to one next leader. If that one fails too, those who still wait
ask for themselves: the expert is in trouble, and its breaker, not this, has to deal with that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from experts.cache.entry import Entry
from experts.cache.store import LEASE_SECONDS, CacheStore, Lease

_LOOK_SECONDS = (0.01, 0.02, 0.03, 0.05, 0.1)
"""Between two looks whether another replica is done; the last one from then on."""
_REDIS_SECONDS = 0.25
_FAILED_LEADERS = 2

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Turn:
    """What became of a request that entered: an answer, or it has to ask.

    Args:
        entry: The answer, if there is one.
        shared: Whether it is that of a request of the same moment.
        lease: What it leads under, if it does, over all replicas.
    """

    entry: Entry | None = None
    shared: bool = False
    lease: Lease | None = None
    _made: Entry | None = field(default=None, repr=False)
    _ttl: float = 0.0
    _key: bytes | None = None

    def answered(self, entry: Entry, ttl: float, key: bytes | None = None) -> None:
        """Say what the answer is; it is kept, and told to those who wait, when the turn ends.

        Args:
            entry: The whole answer.
            ttl: Seconds to keep it.
            key: What it is kept under, if that is not what was entered with: another expert gave it.
        """
        self._made, self._ttl, self._key = entry, ttl, key

    def answered_nothing(self) -> None:
        """Take back what was said: the answer was refused after all."""
        self._made = None


@dataclass(slots=True)
class _Flight:
    """Requests of this process that want the same.

    Args:
        done: Ends with the answer, or ``None`` if its leader had none.
        failed: How many leaders before this one had none.
        waiting: How many wait.
    """

    done: asyncio.Future[Entry | None]
    failed: int = 0
    waiting: int = 0


class Flights:
    """Lets one of several identical requests ask.

    Args:
        store: Where answers are kept and leases are held; away, each process goes by itself.
    """

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._flights: dict[tuple[str, bytes], _Flight] = {}
        self._leases: dict[bytes, Lease] = {}
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def entered(self, tenant: str, key: bytes) -> AsyncIterator[Turn]:
        """Enter with a request, and leave when its answer is there or is not to be had.

        Who is cancelled while it leads leaves the place to another, as one that fails does.

        Args:
            tenant: Whose request it is.
            key: Of the request.
        """
        name, failed = (tenant, key), 0
        while (flight := self._flights.get(name)) is not None:
            flight.waiting += 1
            entry = await asyncio.shield(flight.done)
            if entry is not None:
                yield Turn(entry, shared=True)
                return
            failed = flight.failed + 1
            if failed >= _FAILED_LEADERS:
                async with self.alone(tenant, key) as turn:
                    yield turn
                return
        flight = self._flights[name] = _Flight(asyncio.get_running_loop().create_future(), failed)
        turn = Turn()
        try:
            turn = await self._at_redis(tenant, key)
            yield turn
        finally:
            # Those of this process need not wait for Redis.
            del self._flights[name]
            flight.done.set_result(turn.entry or turn._made)  # noqa: SLF001 (of this module)
            await asyncio.shield(self._left(tenant, key, turn))

    @asynccontextmanager
    async def alone(self, tenant: str, key: bytes) -> AsyncIterator[Turn]:
        """Ask whatever others do, and keep the answer when leaving.

        Args:
            tenant: Whose request it is.
            key: Of the request.
        """
        turn = Turn()
        try:
            yield turn
        finally:
            await asyncio.shield(self._left(tenant, key, turn))

    async def aclose(self) -> None:
        """Stop renewing leases; what is led elsewhere goes on."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait((self._renewing,))

    async def _at_redis(self, tenant: str, key: bytes) -> Turn:
        """Return the answer or the lead, once one of them is to be had."""
        looks = 0
        try:
            while True:
                async with asyncio.timeout(_REDIS_SECONDS):
                    found = await self._store.enter(tenant, key)
                if isinstance(found, Entry):
                    return Turn(found, shared=looks > 0)
                if found is not None:
                    self._lead(found)
                    return Turn(lease=found)
                await asyncio.sleep(_LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)])
                looks += 1
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("the cache is away: %r", error)
            return Turn()

    async def _left(self, tenant: str, key: bytes, turn: Turn) -> None:
        """Write down what came of a lead."""
        lease, made = turn.lease, turn._made  # noqa: SLF001 (of this module)
        if lease is not None:
            self._leases.pop(lease.token, None)
        if made is None and lease is None:
            return
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                own = turn._key is None  # noqa: SLF001 (of this module)
                if made is not None:
                    place = turn._key or key  # noqa: SLF001
                    await self._store.keep(tenant, place, made, turn._ttl, lease if own else None)  # noqa: SLF001
                if lease is not None and (made is None or not own):
                    await self._store.release(lease)
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("an answer is not kept: %r", error)

    def _lead(self, lease: Lease) -> None:
        self._leases[lease.token] = lease
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        """Renew all leases of this process together, as long as it has some."""
        while self._leases:
            await asyncio.sleep(LEASE_SECONDS / 3)
            leases = list(self._leases.values())
            if not leases:
                return
            try:
                async with asyncio.timeout(LEASE_SECONDS / 3):
                    await self._store.renew(leases)
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("leases are not renewed: %r", error)
