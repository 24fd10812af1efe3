"""One of many asks: in one process, and over replicas that share a real Valkey."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from experts.cache.entry import Entry
from experts.cache.flights import Flights
from experts.cache.store import CacheStore

KEY = b"k" * 32
LEASE_SECONDS = 0.3


def store(redis: Redis) -> CacheStore:
    return CacheStore(redis, lease_seconds=LEASE_SECONDS)


class Expert:
    """Counts how often it is asked.

    Args:
        seconds: Until it answers.
        failures: How many answers fail first.
    """

    def __init__(self, seconds: float = 0.05, failures: int = 0) -> None:
        self.asked = 0
        self.begun = asyncio.Event()
        self.failed = 0
        self._seconds = seconds
        self._failures = failures

    async def ask(self) -> Entry:
        self.asked += 1
        self.begun.set()
        number = self.asked
        await asyncio.sleep(self._seconds)
        if number <= self._failures:
            self.failed += 1
            raise RuntimeError("no answer")
        return Entry(expert="e", version=1, made_at=time.time(), whole=b"%d" % number)


async def request(flights: Flights, expert: Expert) -> Entry:
    async with flights.entered("a", KEY) as turn:
        if turn.entry is not None:
            return turn.entry
        entry = await expert.ask()
        turn.answered(entry, 60)
        return entry


async def test_of_a_hundred_in_two_replicas_one_asks(redis: Redis, redis_url: str) -> None:
    expert = Expert()
    async with Redis.from_url(redis_url) as other:
        replicas = Flights(CacheStore(redis)), Flights(CacheStore(other))
        answers = await asyncio.gather(*(request(replicas[n % 2], expert) for n in range(100)))
        assert expert.asked == 1
        assert {one.whole for one in answers} == {b"1"}
        async with replicas[1].entered("a", KEY) as turn:
            assert turn.entry is not None
            assert not turn.shared, "kept by now"
        for one in replicas:
            await one.aclose()


async def test_another_leads_where_the_leader_fails_and_no_herd_follows(redis: Redis) -> None:
    expert, flights = Expert(failures=1), Flights(CacheStore(redis))
    results = await asyncio.gather(
        *(request(flights, expert) for _ in range(20)), return_exceptions=True
    )
    assert expert.asked == 2
    assert sum(isinstance(one, RuntimeError) for one in results) == 1
    await flights.aclose()


async def test_after_two_failures_all_ask_for_themselves_at_once(redis: Redis) -> None:
    expert, flights = Expert(seconds=0.05, failures=20), Flights(CacheStore(redis))
    began = time.monotonic()
    results = await asyncio.gather(
        *(request(flights, expert) for _ in range(20)), return_exceptions=True
    )
    assert all(isinstance(one, RuntimeError) for one in results)
    assert time.monotonic() - began < 1.0, "not one after the other"
    await flights.aclose()


async def test_another_replica_takes_over_from_one_that_is_killed(
    redis: Redis, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as other:
        dead, alive = store(other), Flights(store(redis))
        assert await dead.enter("a", KEY) is not None  # and never heard of again
        began = time.monotonic()
        answer = await request(alive, Expert(0.0))
        assert answer.whole == b"1"
        assert LEASE_SECONDS / 2 < time.monotonic() - began < LEASE_SECONDS + 0.5
        await alive.aclose()


async def test_a_leader_that_takes_long_keeps_its_lead(redis: Redis, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as other:
        slow = Expert(LEASE_SECONDS * 1.6)
        replicas = Flights(store(redis)), Flights(store(other))
        answers = await asyncio.gather(*(request(one, slow) for one in replicas))
        assert slow.asked == 1
        assert answers[0] == answers[1]
        for one in replicas:
            await one.aclose()


async def test_who_is_cancelled_leaves_the_place_to_another(redis: Redis) -> None:
    expert, flights = Expert(0.05), Flights(CacheStore(redis))
    first = asyncio.create_task(request(flights, expert))
    second = asyncio.create_task(request(flights, expert))
    await expert.begun.wait()
    first.cancel()
    assert (await second).whole == b"2"
    with pytest.raises(asyncio.CancelledError):
        await first
    await flights.aclose()


async def test_without_redis_each_process_goes_by_itself() -> None:
    away = Redis(port=1, retry=Retry(NoBackoff(), 0))
    expert, flights = Expert(), Flights(CacheStore(away))
    answers = await asyncio.gather(*(request(flights, expert) for _ in range(10)))
    assert expert.asked == 1
    assert len({one.whole for one in answers}) == 1
    await flights.aclose()
    await away.aclose()


async def test_who_has_waited_long_enough_asks_by_itself(redis: Redis) -> None:
    expert, flights = Expert(0.2), Flights(CacheStore(redis))
    first = asyncio.create_task(request(flights, expert))
    await asyncio.sleep(0.02)
    async with flights.entered("a", KEY, patience=0.05) as turn:
        assert turn.entry is None
    await first
    await flights.aclose()
