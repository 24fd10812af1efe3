"""Where usage is safe before a request counts as done: Redis, or a local file without it.

A request is opened before its expert is called and closed before its last byte is sent:

- open: its record so far goes into the hash of this process's open requests;
- close: in one transaction the final record joins the stream and leaves the hash.

The embedded Valkey appends to its file before it acknowledges, so a closed request survives a kill
of every process. A request that was still open when its process died is closed on its behalf as
``interrupted`` (:mod:`orchestrator.usage.drain`). Where Redis does not answer, the final record is
appended to a file in the data directory and replayed from there.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spool import Spool

STREAM = "coe:usage"
FIELD = b"record"
_LEASE_SECONDS = 15
_HEARTBEAT_SECONDS = 5.0

log = logging.getLogger(__name__)


def open_requests_key(instance: str) -> str:
    """Return the hash of a process's open requests."""
    return f"coe:open:{instance}"


def lease_key(instance: str) -> str:
    """Return the key that exists while a process is alive."""
    return f"coe:instance:{instance}"


class UsageJournal:
    """Opens and closes requests durably.

    Args:
        redis: Where records wait for Postgres.
        spool: Where they wait for Redis.
        instance: Unique name of this process.
    """

    def __init__(self, redis: Redis, spool: Spool, instance: str) -> None:
        self._redis = redis
        self._spool = spool
        self._instance = instance
        self._open = open_requests_key(instance)
        self._encoder = msgspec.json.Encoder()

    async def open(self, record: UsageRecord) -> None:
        """Note that a request is under way; without Redis only memory knows."""
        try:
            await self._redis.hset(self._open, record.request_id, self._encoder.encode(record))
        except RedisError as error:
            log.warning("request %s not journalled at its start: %s", record.request_id, error)

    async def close(self, record: UsageRecord) -> None:
        """Make the final record durable. When this returns, it is."""
        line = self._encoder.encode(record)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xadd(STREAM, {FIELD: line})
                pipe.hdel(self._open, record.request_id)
                await pipe.execute()
        except RedisError as error:
            log.warning("usage of %s goes to the spool: %s", record.request_id, error)
            await asyncio.to_thread(self._spool.append, record)

    async def start(self, *, exclusive: bool) -> None:
        """Take the lease that says this process is alive.

        Args:
            exclusive: Whether no other process can be using this Redis, so that the leases of the
                dead need not be waited for.
        """
        if exclusive:
            async for key in self._redis.scan_iter(match=lease_key("*")):
                await self._redis.delete(key)
        await self._redis.set(lease_key(self._instance), "1", ex=_LEASE_SECONDS)

    async def heartbeat(self) -> None:
        """Renew the lease until cancelled."""
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            try:
                await self._redis.set(lease_key(self._instance), "1", ex=_LEASE_SECONDS)
            except RedisError as error:
                log.warning("lease not renewed: %s", error)

    async def stop(self) -> None:
        """Give the lease back."""
        try:
            await self._redis.delete(lease_key(self._instance))
        except RedisError as error:
            log.warning("lease not given back, it will run out: %s", error)
