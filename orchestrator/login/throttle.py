"""How often somebody may try to sign in: counted over all replicas, or by each while Redis is away."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import time
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.kit.away import Away

WINDOW_SECONDS = 60
_MOST = 60
_TRY, _SUCCESS = 6, 1
"""Of the 60 that an address has in a minute, one that fails takes 6 and one that succeeds takes 1."""
_MOST_ADDRESSES = 10_000
_PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Throttle:
    """Counts attempts by address, in windows of a minute.

    Args:
        redis: Where they are counted.
        away: Whether Redis is worth asking.
        clock: Seconds that only go forward.
        pause: Seconds that a failure takes while each replica counts by itself.
    """

    def __init__(
        self,
        redis: Redis,
        away: Away | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self._redis = redis
        self._away = away or Away()
        self._clock = clock
        self._pause = pause
        self._alone: dict[str, tuple[int, float]] = {}

    async def take(self, address: str) -> int:
        """Count an attempt.

        Returns:
            0: it may be made. Else the seconds until the next one may.
        """
        place = place_of(address)
        if self._away.worth_asking():
            try:
                return await self._take(place)
            except (RedisError, OSError) as error:
                self._away.failed()
                log.warning("attempts to sign in are counted by this process alone: %s", error)
        return self._take_alone(place)

    async def succeeded(self, address: str) -> None:
        """Give back what an attempt took more than one that succeeds."""
        place = place_of(address)
        if place in self._alone:
            count, until = self._alone[place]
            self._alone[place] = (count - _TRY + _SUCCESS, until)
            return
        key, back = _key(place), _TRY - _SUCCESS
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(key, back, ex=WINDOW_SECONDS, nx=True)  # if the minute is over meanwhile
                pipe.decrby(key, back)
                await pipe.execute()
        except (RedisError, OSError) as error:
            self._away.failed()
            log.warning("an attempt to sign in counts as one that failed: %s", error)

    async def failed(self, address: str) -> None:
        """Let one who guesses wait while each replica counts by itself."""
        if place_of(address) in self._alone:
            await asyncio.sleep(self._pause)

    async def _take(self, place: str) -> int:
        key = _key(place)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, 0, ex=WINDOW_SECONDS, nx=True)
            pipe.incrby(key, _TRY)
            pipe.pttl(key)
            _, count, milliseconds = await pipe.execute()
        self._away.answered()
        self._alone.pop(place, None)
        return 0 if count <= _MOST else max(1, math.ceil(milliseconds / 1000))

    def _take_alone(self, place: str) -> int:
        now = self._clock()
        if len(self._alone) >= _MOST_ADDRESSES:
            self._alone = {one: kept for one, kept in self._alone.items() if kept[1] > now}
        count, until = self._alone.get(place, (0, 0.0))
        if until <= now:
            count, until = 0, now + WINDOW_SECONDS
        if place not in self._alone and len(self._alone) >= _MOST_ADDRESSES:
            return WINDOW_SECONDS  # so many at once are no people
        self._alone[place] = (count + _TRY, until)
        return 0 if count + _TRY <= _MOST else max(1, math.ceil(until - now))


def place_of(address: str) -> str:
    """Return what is counted as one address: of IPv6 a network of 64 bits, which one customer has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)


def _key(place: str) -> str:
    return f"coe:login:{place}"
