"""Entries in a real Valkey: kept, bounded, expired, purged."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from experts.cache.entry import Entry, pack
from experts.cache.store import CacheStore, Held, Lease, Limits, Which
from orchestrator.kit.together import Command, Together


def entry(text: bytes = b"{}", **fields: object) -> Entry:
    return Entry(**{"expert": "e", "version": 1, "made_at": 5.0, "whole": text, **fields})  # type: ignore[arg-type]


def key(number: int) -> bytes:
    return number.to_bytes(32)


async def test_an_answer_is_kept_for_its_tenant_and_time(redis: Redis) -> None:
    store = CacheStore(redis)
    assert await store.keep("a", key(1), entry(), 0.05)
    assert await store.get("a", key(1)) == entry()
    assert await store.get("b", key(1)) is None
    await asyncio.sleep(0.07)
    assert await store.get("a", key(1)) is None
    assert (await store.held("a")).entries == 0


async def test_one_of_those_that_enter_leads(redis: Redis) -> None:
    store = CacheStore(redis)
    lease = await store.enter("a", key(1))
    assert isinstance(lease, Lease)
    assert await store.enter("a", key(1)) is None
    assert isinstance(await store.enter("b", key(1)), Lease)
    await store.keep("a", key(1), entry(), 60, lease)
    assert await store.enter("a", key(1)) == entry()
    await store.purge("a", Which())
    assert isinstance(await store.enter("a", key(1)), Lease), "the lease was given back"


async def test_what_is_sent_with_commands_of_others_does_the_same(redis: Redis) -> None:
    together = Together(redis)

    async def twice(*commands: Command) -> list[Any]:
        """Send as is done where a connection ends: what was under way is sent once more."""
        await together.run(*commands)
        return await together.run(*commands)

    await redis.script_flush()
    store = CacheStore(redis, send=twice)
    first = await store.enter("a", key(1))
    assert isinstance(first, Lease), "Redis did not know the script"
    await store.release(first)
    lease = await store.enter("a", key(1))
    assert isinstance(lease, Lease), "who asks twice does not wait for itself"
    assert await store.enter("a", key(1)) is None
    await store.keep("a", key(1), entry(), 60, lease)
    assert await store.enter("a", key(1)) == await store.get("a", key(1)) == entry()
    await redis.lpush("coe:cache:wrong", "a")
    with pytest.raises(RedisError):
        await store._asked(twice, "GET", "coe:cache:wrong")


async def test_a_lease_is_given_back_by_its_holder_only(redis: Redis) -> None:
    store = CacheStore(redis)
    lease = await store.enter("a", key(1))
    assert isinstance(lease, Lease)
    await store.release(Lease("a", key(1), b"another"))
    assert await store.enter("a", key(1)) is None
    await store.release(lease)
    assert isinstance(await store.enter("a", key(1)), Lease)


async def test_a_tenant_has_no_more_than_its_size_and_others_are_not_touched(redis: Redis) -> None:
    noise = secrets.token_bytes(1000)
    size = len(pack(entry(noise)))
    store = CacheStore(redis, Limits(entry_bytes=2000, tenant_bytes=3 * size))
    await store.keep("b", key(9), entry(noise), 60)
    for number in range(5):
        await store.keep("a", key(number), entry(noise), 60 + number)
    assert [await store.get("a", key(n)) is not None for n in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert await store.held("a") == Held(3, 3 * size)
    assert await store.held("b") == Held(1, size)
    await store.keep("a", key(4), entry(noise), 60)
    assert await store.held("a") == Held(3, 3 * size), "written over, not counted twice"
    assert not await store.keep("a", key(7), entry(secrets.token_bytes(3000)), 60), (
        "larger than an entry may be"
    )


async def test_what_has_expired_leaves_the_books_with_the_next_write(redis: Redis) -> None:
    store = CacheStore(redis)
    for number in range(5):
        await store.keep("a", key(number), entry(), 0.01)
    await asyncio.sleep(0.03)
    await store.keep("a", key(9), entry(), 60)
    assert await store.held("a") == Held(1, len(pack(entry())))


async def test_purging(redis: Redis) -> None:
    store = CacheStore(redis)

    async def fill() -> None:
        await store.purge("a", Which())
        await store.keep("a", key(1), entry(category="code"), 60)
        await store.keep("a", key(2), entry(version=2), 60)
        await store.keep("a", key(3), entry(expert="f", category="math"), 60)

    for which, left in [
        (Which(), set[int]()),
        (Which(key=key(1)), {2, 3}),
        (Which(expert="e"), {3}),
        (Which(expert="e", version=2), {1, 3}),
        (Which(category="math"), {1, 2}),
        (Which(category="none"), {1, 2, 3}),
    ]:
        await fill()
        assert await store.purge("a", which) == 3 - len(left)
        assert {n for n in (1, 2, 3) if await store.get("a", key(n))} == left
        held = await store.held("a")
        assert held.entries == len(left)
        assert (held.bytes == 0) == (not left)


async def test_what_cannot_be_read_is_asked_for_again(redis: Redis) -> None:
    store = CacheStore(redis)
    await store.keep("a", key(1), entry(), 60)
    (name,) = [one async for one in redis.scan_iter(b"*entry:*")]
    await redis.set(name, b"coe0 of another release")
    assert await store.get("a", key(1)) is None
    assert isinstance(await store.enter("a", key(1)), Lease)
