"""Clocks that jump, days that end, limits that change while requests are under way: alike in both."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from orchestrator.kit.slots import beside_usage
from orchestrator.tenants.limits.memory import MemoryLimits
from orchestrator.tenants.limits.script import RedisLimits
from orchestrator.tenants.limits.values import Limits, Periods, Scope
from tests.integration.tenants.limits.conftest import Replica, new_record
from tests.integration.tenants.limits.test_same_decisions import NOON, TTL, Both, Clock

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def both(redis: Redis) -> Both:
    clock = Clock()
    everything = {name: Scope(name, Limits()) for name in ("tenant", "key_a")}
    return Both(RedisLimits(redis, clock), MemoryLimits(clock), clock, everything)


def limit(both: Both, **limits: int) -> None:
    both.scopes["tenant"] = Scope("tenant", Limits(**limits))


async def passes(both: Both, nanos: int = 0, tokens: int = 0) -> bool:
    """Ask in both, and return whether the request is let through."""
    await both.admit("key_a", tokens, nanos, None, 1)
    ask = both.asked[-1]
    gone = await both.redis.renew("one", {ask.request_id: 0}, TTL)
    return not gone


async def use(both: Both) -> tuple[int, int, int, int]:
    """Return what is spent and reserved in the day and the month of the clock."""
    await both.admit("key_a", 0, 0, None, 0)
    ask = both.asked.pop()
    await both.redis.settle("one", ask.request_id, 0, 0)
    both.memory.settle("one", ask.request_id, 0, 0)
    found = (await both.redis.look("one", [both.scopes["tenant"]], ask.periods)).uses[0]
    return found.day, found.day_held, found.month, found.month_held


async def test_a_clock_that_was_an_hour_ahead_locks_nobody_out(both: Both) -> None:
    limit(both, requests=2)
    both.clock.now = NOON + HOUR
    assert [await passes(both) for _ in range(3)] == [True, True, False]
    both.clock.now = NOON
    assert [await passes(both) for _ in range(3)] == [True, True, False]
    both.clock.now = NOON - 30_000  # as much as time servers correct changes nothing
    assert not await passes(both)


async def test_what_ends_after_midnight_is_of_the_day_and_month_it_began_in(both: Both) -> None:
    limit(both, day=100, month=150)
    both.clock.now = NOON + 30 * DAY + 11 * HOUR + 3_599_000  # a second before February
    assert await passes(both, nanos=80)
    assert await use(both) == (0, 80, 5, 80)  # 5 were spent in it before
    both.clock.now += 2_000
    assert await passes(both, nanos=100)  # a new day and a new month
    await both.settle(1, 0, 80)
    assert await use(both) == (0, 100, 0, 100)
    await both.settle(0, 0, 60)
    assert await use(both) == (60, 0, 60, 0)
    both.clock.now += DAY
    assert await use(both) == (0, 0, 60, 0)
    assert not await passes(both, nanos=91)
    assert await passes(both, nanos=90)


async def test_a_limit_that_is_lowered_holds_for_what_comes_next(both: Both) -> None:
    limit(both, day=100, concurrent=3)
    assert await passes(both, nanos=60)
    assert await passes(both, nanos=30)
    limit(both, day=50, concurrent=1)
    assert not await passes(both, nanos=0)
    both.asked.pop()
    await both.top_up(0, 1)  # no more for those under way either
    assert await use(both) == (0, 90, 0, 0)
    await both.settle(0, 0, 10)
    await both.settle(1, 0, 70)
    assert await use(both) == (80, 0, 0, 0)
    limit(both, day=100)
    assert await passes(both, nanos=20)


async def test_limits_taken_away_while_a_request_is_under_way(both: Both) -> None:
    limit(both, day=100, tokens=1_000, concurrent=1)
    assert await passes(both, nanos=60, tokens=10)
    await both.forget("tenant")
    await both.settle(0, 10, 60)
    assert await passes(both, nanos=100)
    assert await use(both) == (0, 100, 0, 0)


async def test_what_a_vendor_miscounts_gives_nothing_back(both: Both) -> None:
    limit(both, day=100, tokens=1_000)
    assert await passes(both, nanos=60, tokens=100)
    request_id = both.asked[-1].request_id
    assert await both.redis.settle("one", request_id, -5_000, -10_000)
    found = await both.redis.look("one", [both.scopes["tenant"]], both.asked[-1].periods)
    assert (found.uses[0].tokens, found.uses[0].day, found.uses[0].day_held) == (0, 0, 0)


async def test_a_redis_that_fell_back_to_an_older_state_frees_places_by_itself(
    replica: Replica, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was settled since is reserved again, and nobody keeps that from lapsing."""
    monkeypatch.setattr("orchestrator.tenants.limits.limiter.LEASE_MS", 200)
    await replica.limit(concurrent=1, day=100)
    record = new_record(cost_nanos=10)
    await replica.ask(record, nanos=90)
    keys = beside_usage("limits", "default"), beside_usage("due", "default")
    before = [await redis.dump(key) for key in keys]
    await replica.journal.close(record)
    for key, state in zip(keys, before, strict=True):
        await redis.restore(key, 0, state, replace=True)
    scopes = replica.book.scopes("default", "")
    periods = Periods.of(record.started_at)
    held = (await replica.limiter._shared.look("default", scopes, periods)).uses[0]
    assert (held.concurrent, held.day_held) == (1, 90)
    await asyncio.sleep(0.25)
    await replica.limiter.renew()
    assert await replica.ask(nanos=90)
