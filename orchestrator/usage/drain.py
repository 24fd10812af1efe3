"""Moves usage from Redis and the spool into Postgres, each record exactly once.

Records are acknowledged and removed only after Postgres has committed them, and writing one twice
is harmless, so a crash between the two costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.usage import repository
from orchestrator.usage.content import repository as contents
from orchestrator.usage.journal import (
    FIELD,
    STREAM,
    lease_key,
    open_requests_key,
)
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spool import Spool

REFUSED = "coe:usage:refused"
"""List of records that Postgres does not accept, the newest of them."""
DROPPED = "coe:usage:dropped"
"""How many such records the list did not hold any more."""
MOST_REFUSED = 1000

_EARLIER = "coe:open:"
"""What led the keys of open requests in releases before this."""
_GROUP = "postgres"
_NEW, _OWN_UNACKNOWLEDGED = ">", "0"
_BATCH = 500
_GATHER_SECONDS = 0.1
_BUSY_GATHER_SECONDS = 0.5
"""Until the next look, where much comes: a transaction costs nearly the same for one row as for many."""
_BUSY = 16
_BLOCK_MS = 1000
_SWEEP_SECONDS = 5.0
_RETRY_SECONDS = 1.0

# Closes every request of a dead process at once: two sweepers cannot both do it.
_CLOSE_OPEN = """
local entries = redis.call('HVALS', KEYS[1])
for _, record in ipairs(entries) do redis.call('XADD', KEYS[2], '*', ARGV[1], record) end
redis.call('DEL', KEYS[1])
return #entries
"""

log = logging.getLogger(__name__)


class UsageDrain:
    """The background task that writes usage to Postgres.

    Args:
        engine: Postgres.
        redis: Where records wait.
        spool: The local file of records that could not reach Redis.
        instance: Unique name of this process, its name as a consumer.
    """

    def __init__(self, engine: AsyncEngine, redis: Redis, spool: Spool, instance: str) -> None:
        self._engine = engine
        self._redis = redis
        self._spool = spool
        self._instance = instance
        self._days: set[date] = set()
        self._decoder = msgspec.json.Decoder(UsageRecord)

    async def run(self) -> None:
        """Drain until cancelled; failures of either store are waited out."""
        clock = asyncio.get_running_loop().time
        sweep_at = clock()
        while True:
            try:
                if clock() >= sweep_at:
                    await self.sweep()
                    sweep_at = clock() + _SWEEP_SECONDS
                taken = await self._drain(_NEW, _BLOCK_MS)
                if taken < _BATCH:
                    await asyncio.sleep(_GATHER_SECONDS if taken < _BUSY else _BUSY_GATHER_SECONDS)
            except (RedisError, SQLAlchemyError, OSError) as error:
                log.warning("usage waits: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                sweep_at = clock()  # what was read and not written has to be read again

    async def sweep(self) -> None:
        """Write what was left behind: in the spool, by dead processes, by a failure of our own."""
        await self._make_group()
        await self._replay_spool()
        await self._close_for_the_dead()
        await self._inherit_from_the_dead()
        while await self._drain(_OWN_UNACKNOWLEDGED, None):
            pass

    async def flush(self) -> None:
        """Write everything that waits, then return: for an orderly stop."""
        await self.sweep()
        while await self._drain(_NEW, None):
            pass

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(STREAM, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _drain(self, since: str, block_ms: int | None) -> int:
        reply = await self._redis.xreadgroup(
            _GROUP, self._instance, {STREAM: since}, count=_BATCH, block=block_ms
        )
        return await self._store(_entries(reply))

    async def _inherit_from_the_dead(self) -> None:
        """Take over what dead processes had read and not written, and forget their names."""
        for consumer in await self._redis.xinfo_consumers(STREAM, _GROUP):
            name = consumer["name"].decode()
            if name == self._instance or await self._redis.exists(lease_key(name)):
                continue
            while ids := await self._pending(name):
                await self._redis.xclaim(STREAM, _GROUP, self._instance, 0, ids, justid=True)
            await self._redis.xgroup_delconsumer(STREAM, _GROUP, name)

    async def _pending(self, consumer: str) -> list[Any]:
        pending = await self._redis.xpending_range(STREAM, _GROUP, "-", "+", _BATCH, consumer)
        return [entry["message_id"] for entry in pending]

    async def _close_for_the_dead(self) -> None:
        for prefix in (open_requests_key(""), _EARLIER):
            await self._close_for(prefix)

    async def _close_for(self, prefix: str) -> None:
        async for key in self._redis.scan_iter(match=f"{prefix}*"):
            instance = key.decode().removeprefix(prefix)
            if not await self._redis.exists(lease_key(instance)):
                closed = await self._redis.eval(_CLOSE_OPEN, 2, key, STREAM, FIELD)
                log.info("closed %s requests of the dead process %s", closed, instance)

    async def _replay_spool(self) -> None:
        with self._spool.taken() as records:
            for start in range(0, len(records), _BATCH):
                await self._insert(records[start : start + _BATCH])
        if records:
            log.info("replayed %d usage records from the spool", len(records))

    async def _store(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> int:
        if not entries:
            return 0
        records = []
        for _, fields in entries:
            try:
                record = self._decoder.decode(fields[FIELD])
                _ = record.started_at  # or there is no partition for it
                records.append(record)
            except (ValueError, OverflowError, OSError, KeyError) as error:
                log.error("a usage entry cannot be read and is set aside: %s", error)  # noqa: TRY400
                await self._refuse(repr(fields).encode())
        await self._insert(records)
        ids = [identifier for identifier, _ in entries]
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(STREAM, _GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            await pipe.execute()
        return len(entries)

    async def _insert(self, records: list[UsageRecord]) -> None:
        if not records:
            return
        try:
            await self._write(records)
        except (DataError, IntegrityError) as error:
            # A partition that was thought to be there may have been dropped for its age.
            known, self._days = self._days, set()
            if len(records) == 1 and not known:
                # Kept where a person can look at it; everything behind it must not wait for it.
                log.error("usage of %s is refused: %s", records[0].request_id, error)  # noqa: TRY400
                kept = msgspec.structs.replace(records[0], text=None, prompt=None, answer=None)
                await self._refuse(msgspec.json.encode(kept))
                return
            for record in records:
                await self._insert([record])

    async def _refuse(self, record: bytes) -> None:
        """Keep a record for a person to look at: as many of the newest as memory can bear."""
        over = await self._redis.rpush(REFUSED, record) - MOST_REFUSED
        if over > 0:
            await self._redis.ltrim(REFUSED, -MOST_REFUSED, -1)
            dropped = await self._redis.incrby(DROPPED, over)
            log.error("%d refused usage records are lost: %s is full", dropped, REFUSED)

    async def _write(self, records: list[UsageRecord]) -> None:
        missing = {record.started_at.date() for record in records} - self._days
        async with self._engine.begin() as connection:
            if missing:
                await repository.ensure_partitions(connection, missing)
            await repository.insert_records(connection, records)
            await contents.keep(connection, records)
        self._days |= missing
        self._forget_old_days()

    def _forget_old_days(self) -> None:
        oldest = (datetime.now(UTC) - timedelta(days=3)).date()
        self._days = {day for day in self._days if day >= oldest}


def _entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of an XREADGROUP reply on one stream, in either protocol's shape."""
    if not reply:
        return []
    streams = list(reply.values()) if isinstance(reply, dict) else [entries for _, entries in reply]
    return [entry for entries in streams for entry in _flatten(entries)]


def _flatten(entries: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    if entries and isinstance(entries[0], list):
        return [entry for group in entries for entry in group]
    return list(entries)
