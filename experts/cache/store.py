"""Entries in Redis, by tenant, within a size; one step before a call and one after it.

All keys of a tenant share a hash tag, so that each script runs on one node of a cluster. What
expires leaves Redis by itself, and the tenant's books when something is written next. Beyond the
tenant's size the entries that would expire first go first; a hit writes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from experts.cache.entry import Entry, EntryUnreadable, pack, unpack

LEASE_SECONDS = 1.5
"""Until the place of a leader that does not renew its lease is free."""
_PREFIX = b"coe:cache:"
_BATCH = 500

log = logging.getLogger(__name__)

_ENTER = """
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
if redis.call('GET', KEYS[2]) == ARGV[1] then return 1 end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""
_KEEP = """
local now, size = tonumber(ARGV[1]), tonumber(ARGV[4])
local function forget(member)
  local about = redis.call('HGET', KEYS[3], member)
  if about then
    redis.call('DECRBY', KEYS[4], tonumber(string.match(about, '^%d+')))
    redis.call('HDEL', KEYS[3], member)
  end
  redis.call('ZREM', KEYS[2], member)
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 200)) do
  forget(gone)
end
forget(ARGV[6])
while tonumber(redis.call('GET', KEYS[4]) or '0') + size > tonumber(ARGV[5]) do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not first then break end
  redis.call('DEL', ARGV[8] .. first)
  forget(first)
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), ARGV[6])
redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
redis.call('INCRBY', KEYS[4], size)
for at = 2, 4 do
  if redis.call('PTTL', KEYS[at]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[at], ARGV[2])
  end
end
if ARGV[9] ~= '' and redis.call('GET', KEYS[5]) == ARGV[9] then redis.call('DEL', KEYS[5]) end
return 1
"""
_PURGE = """
local gone = 0
for at = 2, #ARGV do
  local about = redis.call('HGET', KEYS[2], ARGV[at])
  if about then
    redis.call('DECRBY', KEYS[3], tonumber(string.match(about, '^%d+')))
    redis.call('HDEL', KEYS[2], ARGV[at])
  end
  redis.call('ZREM', KEYS[1], ARGV[at])
  gone = gone + redis.call('DEL', ARGV[1] .. ARGV[at])
end
return gone
"""
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
)


class Send(Protocol):
    """Sends commands to Redis with those of others, which costs less; they may be sent twice."""

    async def __call__(self, *commands: tuple[str | bytes | int, ...]) -> list[Any]:
        """Return the replies; an exception stands for that to a command that failed."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept.

    Args:
        entry_bytes: The most that an entry may have, packed; a larger one is not kept.
        tenant_bytes: The most that all entries of a tenant may have.
    """

    entry_bytes: int = 1024 * 1024
    tenant_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to be the one that asks.

    Args:
        tenant: Whose request it is.
        key: Of the request.
        token: Tells this lease from later ones.
    """

    tenant: str
    key: bytes
    token: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """What a tenant has in the cache.

    Args:
        entries: How many; some may have expired since something was written last.
        bytes: Of them, packed.
    """

    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry, and what Redis knows of it.

    Args:
        entry: The entry.
        bytes: It takes, packed.
        seconds_left: Until it goes.
    """

    entry: Entry
    bytes: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Which:
    """Which entries of a tenant to purge; what is ``None`` may be anything.

    Args:
        key: The entry's own.
        expert: Who gave the answer.
        version: Of that expert's entry in the catalogue.
        category: What its request was about.
    """

    key: bytes | None = None
    expert: str | None = None
    version: int | None = None
    category: str | None = None

    def fits(self, about: bytes | str) -> bool:
        """Tell whether an entry is one of these, by what the tenant's books say of it."""
        told = about if isinstance(about, str) else about.decode("utf-8", "replace")
        _, expert, version, category = told.split("|")
        return (
            self.expert in (None, expert)
            and (self.version is None or str(self.version) == version)
            and self.category in (None, category)
        )


class CacheStore:
    """Entries in Redis.

    Its methods raise ``redis.exceptions.RedisError`` or ``OSError`` where Redis is away.

    Args:
        redis: Where they are; must return bytes.
        limits: How much is kept.
        clock: Unix time in seconds.
        lease_seconds: Until the place of a leader that does not renew its lease is free.
        send: Asks Redis for what every request asks it; by default ``redis`` does.
    """

    def __init__(
        self,
        redis: Redis,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        lease_seconds: float = LEASE_SECONDS,
        send: Send | None = None,
    ) -> None:
        self._send = send
        self.lease_seconds = lease_seconds
        self._redis = redis
        self._limits = limits or Limits()
        self._clock = clock
        self._enter = redis.register_script(_ENTER)
        self._keep = redis.register_script(_KEEP)
        self._purge = redis.register_script(_PURGE)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        """Return what is kept of a request."""
        name = _entry_key(tenant, key)
        if self._send is None:
            return _entry(await self._redis.get(name))
        return _entry(await self._asked(self._send, "GET", name))

    async def kept(self, tenant: str, key: bytes) -> Kept | None:
        """Return what is kept of a request, and how long still."""
        name = _entry_key(tenant, key)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(name)
            pipe.pttl(name)
            data, left = await pipe.execute()
        entry = _entry(data)
        return None if entry is None else Kept(entry, len(data), max(left, 0) / 1000)

    async def enter(self, tenant: str, key: bytes) -> Entry | Lease | None:
        """Return what is kept of a request, or the right to ask; ``None``: another asks already."""
        token = secrets.token_bytes(16)
        keys = _entry_key(tenant, key), _lease_key(tenant, key)
        found = await self._entered(keys, token, int(self.lease_seconds * 1000))
        if isinstance(found, bytes):
            # What cannot be read is asked for again, by all who find it, and written over.
            return _entry(found) or Lease(tenant, key, token)
        return Lease(tenant, key, token) if found == 1 else None

    async def _entered(self, keys: tuple[bytes, bytes], token: bytes, lease_ms: int) -> Any:
        if self._send is not None:
            command = ("EVALSHA", self._enter.sha, len(keys), *keys, token, lease_ms)
            try:
                return await self._asked(self._send, *command)
            except NoScriptError:
                log.debug("Redis does not know the script yet")
        return await self._enter(keys=list(keys), args=[token, lease_ms])

    async def _asked(self, send: Send, *command: str | bytes | int) -> Any:
        reply = (await send(command))[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def keep(
        self, tenant: str, key: bytes, entry: Entry, ttl: float, lease: Lease | None = None
    ) -> bool:
        """Keep an answer and give the lease back, in one step; returns whether it is not too large.

        Args:
            tenant: Whose it is.
            key: Of the request.
            entry: The answer.
            ttl: Seconds until it goes.
            lease: That it was asked for under.
        """
        packed = pack(entry)
        if len(packed) > min(self._limits.entry_bytes, self._limits.tenant_bytes):
            if lease is not None:
                await self.release(lease)
            return False
        about = f"{len(packed)}|{entry.expert}|{entry.version}|{entry.category or ''}"
        await self._keep(
            keys=[_entry_key(tenant, key), *_books(tenant), _lease_key(tenant, key)],
            args=[
                int(self._clock() * 1000),
                max(int(ttl * 1000), 1),
                packed,
                len(packed),
                self._limits.tenant_bytes,
                key.hex(),
                about,
                _entry_prefix(tenant),
                b"" if lease is None else lease.token,
            ],
        )
        return True

    async def renew(self, leases: list[Lease]) -> None:
        """Let leases go on."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for lease in leases:
                await self._renew(
                    keys=[_lease_key(lease.tenant, lease.key)],
                    args=[lease.token, int(self.lease_seconds * 1000)],
                    client=pipe,
                )
            await pipe.execute()

    async def release(self, lease: Lease) -> None:
        """Give a lease back without an answer: another may ask."""
        await self._release(keys=[_lease_key(lease.tenant, lease.key)], args=[lease.token])

    async def held(self, tenant: str) -> Held:
        """Return what a tenant has in the cache."""
        index, _, total = _books(tenant)
        entries = await self._redis.zcount(index, self._clock() * 1000, "+inf")
        return Held(int(entries), int(await self._redis.get(total) or 0))

    async def purge(self, tenant: str, which: Which) -> int:
        """Remove entries of a tenant; returns how many there were."""
        gone, batch = 0, list[bytes]()
        async for member in self._members(tenant, which):
            batch.append(member)
            if len(batch) == _BATCH:
                gone += await self._remove(tenant, batch)
                batch = []
        return gone + (await self._remove(tenant, batch) if batch else 0)

    async def _members(self, tenant: str, which: Which) -> AsyncIterator[bytes]:
        _, about, _ = _books(tenant)
        if which.key is not None:
            told = await self._redis.hget(about, which.key.hex())
            if told is not None and which.fits(told):
                yield which.key.hex().encode()
            return
        async for member, told in self._redis.hscan_iter(about, count=_BATCH):
            if which.fits(told):
                yield member

    async def _remove(self, tenant: str, members: list[bytes]) -> int:
        return int(
            await self._purge(keys=list(_books(tenant)), args=[_entry_prefix(tenant), *members])
        )


def _entry(data: Any) -> Entry | None:
    if not isinstance(data, bytes):
        return None
    try:
        return unpack(data)
    except EntryUnreadable:
        return None


def tenant_prefix(tenant: str) -> bytes:
    """Return what all keys of a tenant begin with: they share a hash tag."""
    tag = hashlib.blake2b(tenant.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return _PREFIX + b"{" + tag.encode() + b"}:"


def _entry_prefix(tenant: str) -> bytes:
    return tenant_prefix(tenant) + b"entry:"


def _entry_key(tenant: str, key: bytes) -> bytes:
    return _entry_prefix(tenant) + key.hex().encode()


def _lease_key(tenant: str, key: bytes) -> bytes:
    return tenant_prefix(tenant) + b"lease:" + key.hex().encode()


def _books(tenant: str) -> tuple[bytes, bytes, bytes]:
    base = tenant_prefix(tenant)
    return base + b"expiry", base + b"about", base + b"size"
