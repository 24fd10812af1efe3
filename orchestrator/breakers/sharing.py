"""Circuit breakers shared by all replicas, through a hash in Redis.

A replica that opens or closes a breaker writes that down and announces it; the others read it within
a second, those that start read it first, and the poll of the change feed repairs what was missed.
What was found last counts. An endpoint that is half open is tried by one call of one replica: who
tries it says so in Redis first. Without Redis every replica goes by its own calls.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from experts.calling.balancing import Replica
from experts.calling.breaker import State
from experts.calling.health import BreakerView, ExpertHealth
from orchestrator.catalogue.service import Catalogue

TOPIC = "breakers"
KEY = "coe:breakers"
CLAIM = "coe:breakers:trial:"
_KEPT_SECONDS = 86_400.0
_RETRY_SECONDS = 1.0
_SAME_MOMENT = 0.001
_CLAIM_SECONDS = 1.0
"""Longer than this no request waits for the right to try an endpoint."""

Storable = bytes | bytearray | memoryview | str | int | float

log = logging.getLogger(__name__)


class _Record(msgspec.Struct, frozen=True):
    """A breaker as it stands in Redis; times are Unix seconds."""

    expert: str
    endpoint: str
    version: int
    changed_at: float
    by: str
    opened_at: float | None = None
    until: float = 0.0
    reason: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Record).decode


class SharedBreakers:
    """Tells other replicas what this one finds of endpoints, and hears what they find.

    Args:
        redis: Where it is kept.
        health: The breakers of this process.
        catalogue: Returns the experts in force.
        announce: Tells the other replicas that a topic changed; must not raise.
        instance: Unique name of this process.
        wall: Tells the Unix time.
    """

    def __init__(
        self,
        redis: Redis,
        health: ExpertHealth,
        catalogue: Callable[[], Catalogue],
        announce: Callable[[str], Awaitable[None]],
        instance: str,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.health = health
        self._redis = redis
        self._catalogue = catalogue
        self._announce = announce
        self._instance = instance
        self._wall = wall
        self._unsaid: dict[tuple[str, str], BreakerView] = {}
        self._alone: set[tuple[str, str]] = set()
        self._something = asyncio.Event()
        health.changed = self._changed
        health.claim = self.claim

    async def run(self) -> None:
        """Tell what changes, until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            if not await self._tell():
                await asyncio.sleep(_RETRY_SECONDS)
                self._something.set()

    async def refresh(self) -> None:
        """Take over what other replicas have found; tell again what got lost."""
        try:
            stored = await self._redis.hgetall(KEY)
        except RedisError as error:
            log.warning("breakers of other replicas are not known (%s)", error)
            return
        told: dict[tuple[str, str], float] = {}
        stale: list[bytes] = []
        for name, line in cast("dict[bytes, bytes]", stored).items():
            record = self._current(line)
            if record is None:
                stale.append(name)
            else:
                told[record.expert, record.endpoint] = record.changed_at
                self._hear(record)
        await self._forget(stale)
        self._say_again(told)

    async def claim(self, replica: Replica) -> bool:
        """Claim the right to try an endpoint that is half open; whoever has it keeps it for a cool-down.

        Returns:
            Whether it is had, or nobody can be asked for it.
        """
        key = f"{CLAIM}{replica.expert} {replica.name}"
        kept = round(replica.breaker.cool_down * 1000)
        try:
            async with asyncio.timeout(_CLAIM_SECONDS):
                if await self._redis.set(key, self._instance, nx=True, px=max(kept, 1)):
                    return True
                return await self._redis.get(key) == self._instance.encode()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("whether others try an endpoint is not known (%s)", error)
            return True

    def _changed(self, replica: Replica) -> None:
        view = self.health.view(replica)
        place = (view.expert, view.endpoint)
        if view.opened_at is not None:
            self._alone.add(place)
            told = "expert '%s', endpoint %s: is left alone, it fails (%s)"
            log.warning(told, *place, view.reason)
        elif place in self._alone:  # one may be reset that was never open
            self._alone.remove(place)
            log.warning("expert '%s', endpoint %s: is back", *place)
        self._unsaid[place] = view
        self._something.set()

    def _hear(self, record: _Record) -> None:
        if record.by == self._instance:
            return
        shift = self.shift()
        opened = record.opened_at
        view = BreakerView(
            expert=record.expert,
            endpoint=record.endpoint,
            state=State.CLOSED if opened is None else State.OPEN,
            opened_at=None if opened is None else opened - shift,
            until=record.until - shift,
            reason=record.reason,
            changed_at=record.changed_at - shift,
        )
        self.health.heard(self._catalogue().experts[record.expert], view)

    def _current(self, line: bytes) -> _Record | None:
        """Read a record; ``None`` if it is of an entry that is no longer in force, or very old."""
        try:
            record = _decode(line)
        except msgspec.MsgspecError:
            return None
        if self._catalogue().versions.get(record.expert) != record.version:
            return None
        return record if self._wall() - record.changed_at < _KEPT_SECONDS else None

    def _say_again(self, told: dict[tuple[str, str], float]) -> None:
        """Note what is open here and not known there: Redis may have lost it."""
        shift = self.shift()
        for view in self.health.snapshot():
            place = (view.expert, view.endpoint)
            known = told.get(place, 0.0)
            if view.opened_at is not None and view.changed_at + shift > known + _SAME_MOMENT:
                self._unsaid.setdefault(place, view)
                self._something.set()

    async def _tell(self) -> bool:
        """Write down what is not said yet; return whether that was possible."""
        unsaid, self._unsaid = self._unsaid, {}
        versions, shift = self._catalogue().versions, self.shift()
        lines: dict[Storable, Storable] = {
            f"{view.expert} {view.endpoint}": _encode(
                _Record(
                    expert=view.expert,
                    endpoint=view.endpoint,
                    version=versions[view.expert],
                    changed_at=view.changed_at + shift,
                    by=self._instance,
                    opened_at=None if view.opened_at is None else view.opened_at + shift,
                    until=view.until + shift,
                    reason=view.reason,
                )
            )
            for view in unsaid.values()
            if view.expert in versions
        }
        if not lines:
            return True
        try:
            await self._redis.hset(KEY, mapping=lines)
        except RedisError as error:
            log.warning("breakers are not told to other replicas (%s)", error)
            self._unsaid = unsaid | self._unsaid
            return False
        await self._announce(TOPIC)
        return True

    async def _forget(self, names: list[bytes]) -> None:
        if not names:
            return
        try:
            await self._redis.hdel(KEY, *names)
        except RedisError as error:
            log.warning("old breakers are not forgotten (%s)", error)

    def shift(self) -> float:
        """Return what turns a time of this process into Unix time."""
        return self._wall() - self.health.clock()
