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
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from experts.cache.entry import Entry
from experts.cache.store import CacheStore, Lease

_LOOK_SECONDS = (0.01, 0.02, 0.03, 0.05, 0.1)
"""Between two looks whether another replica is done; the last one from then on."""
_REDIS_SECONDS = 1.0
"""Until Redis has to have answered; less, and a loop that is busy for a moment would take it for away."""
_AWAY_SECONDS = 1.0
"""For which Redis is left alone after it did not answer."""
_FAILED_LEADERS = 2
_Name = tuple[str, bytes]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Turn:
    """What became of a request that entered: an answer, or it has to ask.

    Args:
        entry: The answer, if there is one.
        shared: Whether it was waited for: another request of the same moment has asked for it.
        lease: What it leads under, if it does, over all replicas.
    """

    entry: Entry | None = None
    shared: bool = False
    lease: Lease | None = None
    made: Entry | None = field(default=None, repr=False)
    """The answer that was asked for."""
    ttl: float = 0.0
    """Seconds to keep it."""
    place: bytes | None = None
    """What it is kept under, if that is not what was entered with."""

    def answered(self, entry: Entry, ttl: float, key: bytes | None = None) -> None:
        """Say what the answer is; it is kept, and told to those who wait, when the turn ends.

        Args:
            entry: The whole answer.
            ttl: Seconds to keep it.
            key: What it is kept under, if that is not what was entered with: another expert gave it.
        """
        self.made, self.ttl, self.place = entry, ttl, key

    def answered_nothing(self) -> None:
        """Take back what was said: the answer was refused after all."""
        self.made = None


@dataclass(slots=True)
class _Flight:
    """Requests of this process that want the same.

    Args:
        done: Ends with the answer, or ``None`` if its leader had none.
        failed: How many leaders before this one had none.
    """

    done: asyncio.Future[Entry | None]
    failed: int = 0


class Flights:
    """Lets one of several identical requests ask.

    Args:
        store: Where answers are kept and leases are held; away, each process goes by itself.
        clock: Seconds that only go forward.
    """

    def __init__(self, store: CacheStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._away_until = 0.0
        self._flights: dict[_Name, _Flight] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._leases: dict[bytes, Lease] = {}
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def entered(
        self, tenant: str, key: bytes, patience: float = 600.0
    ) -> AsyncIterator[Turn]:
        """Enter with a request, and leave when its answer is there or is not to be had.

        Who is cancelled while it leads leaves the place to another, as one that fails does.

        Args:
            tenant: Whose request it is.
            key: Of the request.
            patience: Seconds to wait for another's answer; then it asks by itself.
        """
        name, failed, until = (tenant, key), 0, self._clock() + patience
        while (flight := self._flights.get(name)) is not None:
            waits = not flight.done.done()
            done, _ = await asyncio.wait((flight.done,), timeout=until - self._clock())
            entry = flight.done.result() if done else None
            if entry is not None:
                yield Turn(entry, shared=waits)
                return
            failed = flight.failed + 1
            if failed >= _FAILED_LEADERS or not done:
                async with self.alone(tenant, key) as turn:
                    yield turn
                return
        flight = self._flights[name] = _Flight(asyncio.get_running_loop().create_future(), failed)
        turn = Turn()
        try:
            turn = await self._at_redis(tenant, key, until)
            if turn.entry is not None:
                self._landed(name, flight, turn.entry)
            yield turn
        finally:
            self._leave(tenant, key, turn)
            # Until it is written down, those who come now have it as well. What is not to be had is
            # no reason to wait.
            if turn.made is None:
                self._landed(name, flight, None)
            else:
                self._landed(name, flight, turn.made, stays=True)

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
            self._leave(tenant, key, turn)

    async def settled(self) -> None:
        """Wait until all answers are written down that are there."""
        while self._leaving:
            await asyncio.wait(self._leaving)

    async def aclose(self) -> None:
        """Write down what is to be kept, and stop renewing leases; what is led elsewhere goes on."""
        await self.settled()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait((self._renewing,))

    def _landed(
        self, name: _Name, flight: _Flight, entry: Entry | None, *, stays: bool = False
    ) -> None:
        """Tell those of this process what came of a flight; they need not wait for Redis."""
        if not flight.done.done():
            flight.done.set_result(entry)
        if not stays and self._flights.get(name) is flight:
            del self._flights[name]

    def _leave(self, tenant: str, key: bytes, turn: Turn) -> None:
        """Write down what came of a turn, and let the answer go meanwhile."""
        if turn.lease is not None:
            self._leases.pop(turn.lease.token, None)
        if turn.made is None and turn.lease is None:
            return
        task = asyncio.ensure_future(self._left(tenant, key, turn))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _at_redis(self, tenant: str, key: bytes, until: float) -> Turn:
        """Return the answer or the lead, once one of them is to be had."""
        looks = 0
        if self._clock() < self._away_until:
            return Turn()
        try:
            while True:
                async with asyncio.timeout(_REDIS_SECONDS):
                    found = await self._store.enter(tenant, key)
                if isinstance(found, Entry):
                    return Turn(found, shared=looks > 0)
                if found is not None:
                    self._lead(found)
                    return Turn(lease=found)
                if self._clock() > until:
                    return Turn()
                await asyncio.sleep(_LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)])
                looks += 1
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = self._clock() + _AWAY_SECONDS
            log.debug("the cache is away: %r", error)
            return Turn()

    async def _left(self, tenant: str, key: bytes, turn: Turn) -> None:
        """Write down what came of a lead."""
        lease, made, own = turn.lease, turn.made, turn.place is None
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                if made is not None and self._clock() >= self._away_until:
                    place, given_back = turn.place or key, lease if own else None
                    await self._store.keep(tenant, place, made, turn.ttl, given_back)
                if lease is not None and (made is None or not own):
                    await self._store.release(lease)
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("an answer is not kept: %r", error)
        finally:
            flight = self._flights.get((tenant, key))
            if flight is not None and made is not None and flight.done.done():
                del self._flights[tenant, key]

    def _lead(self, lease: Lease) -> None:
        self._leases[lease.token] = lease
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        """Renew all leases of this process together, as long as it has some."""
        while self._leases:
            await asyncio.sleep(self._store.lease_seconds / 3)
            leases = list(self._leases.values())
            if not leases:
                return
            try:
                async with asyncio.timeout(self._store.lease_seconds / 3):
                    await self._store.renew(leases)
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("leases are not renewed: %r", error)
