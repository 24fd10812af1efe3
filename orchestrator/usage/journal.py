"""Where usage is safe before a request counts as done: Redis, or a local file without it.

A request is opened before its expert is called and closed before its last byte is sent:

- open: its record so far goes into the hash of this process's open requests, in the step that lets it
  through its limits;
- close: the final record joins the stream, then leaves the hash, and what was reserved for it is
  settled. Where Redis dies between the two, the record that the hash still has is known to be in the stream.

The embedded Valkey appends to its file before it acknowledges, so a closed request survives a kill
of every process. A request that was still open when its process died is closed on its behalf as
``interrupted`` (:mod:`orchestrator.usage.drain`). Where Redis does not answer, the final record is
appended to a file in the data directory and replayed from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from orchestrator.kit.away import Away
from orchestrator.kit.slots import USAGE, beside_usage
from orchestrator.kit.together import Command, Together
from orchestrator.tenants.limits.limiter import Admission, Limiter
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spool import Spool

STREAM = USAGE
FIELD = b"record"
_LEASE_SECONDS = 15
_HEARTBEAT_SECONDS = 5.0

log = logging.getLogger(__name__)


def open_requests_key(instance: str) -> str:
    """Return the hash of a process's open requests."""
    return beside_usage("begun", instance)


def lease_key(instance: str) -> str:
    """Return the key that exists while a process is alive."""
    return f"coe:instance:{instance}"


def unseen(record: UsageRecord) -> None:
    """Let nobody know of a request."""
    del record


class UsageJournal:
    """Opens and closes requests durably.

    Args:
        redis: Where records wait for Postgres.
        spool: Where they wait for Redis.
        instance: Unique name of this process.
        limiter: Lets requests through; ``None``: all of them are.
        away: Whether Redis is worth asking.
        seen: Is told of every request that has ended.
        together: Sends commands to Redis, with those of others.
    """

    def __init__(
        self,
        redis: Redis,
        spool: Spool,
        instance: str,
        limiter: Limiter | None = None,
        away: Away | None = None,
        seen: Callable[[UsageRecord], None] = unseen,
        together: Together | None = None,
    ) -> None:
        self._redis = redis
        self._together = together or Together(redis)
        self._spool = spool
        self._limiter = limiter
        self._away = away or Away()
        self._seen = seen
        self._instance = instance
        self._open = open_requests_key(instance)
        self._encoder = msgspec.json.Encoder()

    async def open(self, record: UsageRecord, ask: Ask | None = None) -> Admission:
        """Let a request through its limits and note that it is under way, in one step.

        Without Redis only memory knows, and the limits are this process's share of them.

        Args:
            record: The record so far.
            ask: What the request needs; ``None``: no limit holds for it.

        Raises:
            ApiError: 429 ``rate_limit_exceeded`` or 402 ``budget_exceeded``; nothing is noted then.
        """
        line = self._encoder.encode(record)
        admission = Admission(0 if ask is None else ask.nanos)
        try:
            if ask is not None and self._limiter is not None:
                admission = await self._limiter.admit(ask, (self._open, line))
            if not admission.noted:
                await self._note(record.request_id, line)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.ensure_future(self._undo(record.request_id)))
            raise
        return admission

    async def note(self, record: UsageRecord) -> None:
        """Note what a request that is open has come to so far: that is its record if this process dies."""
        await self._note(record.request_id, self._encoder.encode(record))

    async def top_up(self, ask: Ask, nanos: int) -> bool:
        """Reserve more money for a request that is open; tells whether its budgets hold that.

        Args:
            ask: What it needed when it was opened.
            nanos: Billionths of a dollar more.
        """
        return self._limiter is None or await self._limiter.top_up(ask, nanos)

    async def _undo(self, request_id: str) -> None:
        """Take back what a request may have noted and reserved before it was cancelled."""
        try:
            # Behind what was sent for the request, which may be under way.
            commands, _ = self._end((request_id, 0, 0))
            await self._together.run(*commands)
        except RedisError as error:
            log.warning("request %s was cancelled and stays noted: %s", request_id, error)

    async def _note(self, request_id: str, line: bytes) -> None:
        if not self._away.worth_asking():
            return
        try:
            await self._run(("HSET", self._open, request_id, line))
        except RedisError as error:
            self._away.failed()
            log.warning("request %s not journalled at its start: %s", request_id, error)
        else:
            self._away.answered()

    async def close(self, record: UsageRecord) -> None:
        """Make the final record durable and settle its reservation. When this returns, it is."""
        self._seen(record)
        used = record.request_id, record.tokens, record.cost_nanos
        if self._away.worth_asking():
            try:
                await self._close(record, used)
            except RedisError as error:
                self._away.failed()
                log.warning("usage of %s goes to the spool: %s", record.request_id, error)
            else:
                self._away.answered()
                return
        elif self._limiter is not None:
            self._limiter.settle_alone(*used)
        await asyncio.to_thread(self._spool.append, record)

    async def _close(self, record: UsageRecord, used: tuple[str, int, int]) -> None:
        line = self._encoder.encode(record)
        commands, tenant = self._end(used)
        for reply in await self._together.run(("XADD", STREAM, "*", FIELD, line), *commands):
            if (
                isinstance(reply, NoScriptError)
                and tenant is not None
                and self._limiter is not None
            ):
                await self._limiter.settle_for(tenant, *used)
            elif isinstance(reply, Exception):
                raise reply

    def _end(self, used: tuple[str, int, int]) -> tuple[list[Command], str | None]:
        """Return what takes a request off those that are open and settles it, and the tenant to settle it for."""
        commands: list[Command] = [("HDEL", self._open, used[0])]
        if self._limiter is None:
            return commands, None
        settling = self._limiter.settling(*used)
        if settling is None:
            return commands, None
        tenant, command = settling
        return [*commands, command], tenant

    async def _run(self, command: Command) -> None:
        for reply in await self._together.run(command):
            if isinstance(reply, Exception):
                raise reply

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
