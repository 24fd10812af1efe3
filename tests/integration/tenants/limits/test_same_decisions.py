"""Redis and memory decide alike, on any schedule, and both as a plain log of what happened would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from orchestrator.kit.ids import uuid7
from orchestrator.tenants.limits.memory import MemoryLimits
from orchestrator.tenants.limits.script import RedisLimits
from orchestrator.tenants.limits.values import Ask, Limits, Periods, Scope, Spent

TTL = 30_000
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@dataclass
class Clock:
    now: int = NOON

    def __call__(self) -> int:
        return self.now


def amounts(most: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(1, most)


limits = st.builds(
    Limits,
    requests=amounts(6),
    tokens=amounts(300),
    concurrent=amounts(4),
    day=amounts(1_000),
    month=amounts(2_000),
)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("wait"),
            st.sampled_from([0, 1, 400, 999, 7_000, 61_000, 90_000_000, -300, -5_000, -70_000]),
        ),
        st.tuples(
            st.just("admit"),
            st.sampled_from(["key_a", "key_b"]),
            st.integers(0, 200),
            st.integers(0, 400),
            st.sampled_from([None, 0, 1]),
            st.sampled_from([0, 1]),
        ),
        st.tuples(st.just("again"), st.integers(0, 5)),
        st.tuples(st.just("settle"), st.integers(0, 5), st.integers(0, 300), st.integers(0, 600)),
        st.tuples(st.just("renew"), st.integers(0, 5), st.sampled_from([0, 0, 120, 500])),
        st.tuples(st.just("top_up"), st.integers(0, 5), st.integers(0, 700)),
        st.tuples(st.just("learn"), st.sampled_from(["tenant", "key_a"]), st.integers(0, 900)),
        st.tuples(st.just("forget"), st.sampled_from(["tenant", "key_b"])),
    ),
    max_size=40,
)


@dataclass
class Both:
    """Does everything twice and says whether the same came of it."""

    redis: RedisLimits
    memory: MemoryLimits
    clock: Clock
    scopes: dict[str, Scope]
    asked: list[Ask] = field(default_factory=list)

    async def do(self, step: tuple[Any, ...]) -> None:
        kind, *rest = step
        await getattr(self, kind)(*rest)

    async def wait(self, milliseconds: int) -> None:
        self.clock.now += milliseconds

    async def admit(self, key: str, tokens: int, nanos: int, least: int | None, slots: int) -> None:
        request_id = f"req_{uuid7(self.clock.now).hex}"
        ask = Ask(
            request_id, "one", key, tokens=tokens, nanos=nanos, least_nanos=least, slots=slots
        )
        self.asked.append(ask)
        await self._admit(ask)

    async def again(self, number: int) -> None:
        if self.asked:
            await self._admit(self.asked[-1 - number % len(self.asked)])

    async def _admit(self, ask: Ask) -> None:
        scopes = [self.scopes["tenant"], self.scopes[ask.key_id]]
        first = await self.redis.admit(ask, scopes, TTL)
        assert first == self.memory.admit(ask, scopes, TTL)
        if first.unknown:
            for scope in first.unknown:
                await self.learn(scope, 0)
            second = await self.redis.admit(ask, scopes, TTL)
            assert second == self.memory.admit(ask, scopes, TTL)
            assert not second.unknown

    async def settle(self, number: int, tokens: int, nanos: int) -> None:
        if self.asked:
            ask = self.asked[-1 - number % len(self.asked)]
            done = await self.redis.settle("one", ask.request_id, tokens, nanos)
            assert done == self.memory.settle("one", ask.request_id, tokens, nanos)
            assert not await self.redis.settle("one", ask.request_id, tokens, nanos)

    async def renew(self, number: int, used: int) -> None:
        tokens = {ask.request_id: used for ask in self.asked[-1 - number :]}
        assert await self.redis.renew("one", tokens, TTL) == self.memory.renew("one", tokens, TTL)

    async def top_up(self, number: int, nanos: int) -> None:
        if self.asked:
            ask = self.asked[-1 - number % len(self.asked)]
            scopes = [self.scopes["tenant"], self.scopes[ask.key_id]]
            done = await self.redis.top_up("one", ask.request_id, nanos, scopes)
            assert done == self.memory.top_up("one", ask.request_id, nanos, scopes)

    async def learn(self, scope: str, amount: int) -> None:
        ask = Ask(f"req_{uuid7(self.clock.now).hex}", "one", "key_a")
        spent = Spent(ask.periods, amount, amount + 5)
        await self.redis.learn("one", {scope: spent})
        self.memory.learn("one", scope, spent)

    async def forget(self, scope: str) -> None:
        await self.redis.forget("one", scope)
        self.memory.forget("one", scope)


@given(limits, limits, limits, steps)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_redis_and_memory_decide_alike(
    redis: Redis, tenant: Limits, first: Limits, second: Limits, schedule: list[tuple[Any, ...]]
) -> None:
    await redis.flushall()
    clock = Clock()
    named = {"tenant": tenant, "key_a": first, "key_b": second}
    scopes = {name: Scope(name, found) for name, found in named.items()}
    both = Both(RedisLimits(redis, clock), MemoryLimits(clock), clock, scopes)
    for step in schedule:
        await both.do(step)


@pytest.mark.parametrize("amount", [10**15, 999_999_999_999_999])
async def test_large_sums_are_exact(redis: Redis, amount: int) -> None:
    clock = Clock()
    on_redis = RedisLimits(redis, clock)
    scope = Scope("tenant", Limits(day=amount, month=amount))
    ask = Ask(f"req_{uuid7(clock.now).hex}", "one", "key_a", nanos=amount)
    await on_redis.learn("one", {"tenant": Spent(ask.periods)})
    assert (await on_redis.admit(ask, [scope], TTL)).nanos == amount
    await on_redis.settle("one", ask.request_id, 0, amount - 1)
    use = (await on_redis.look("one", [scope], Periods(20260101, 202601))).uses[0]
    assert (use.day, use.day_held, use.month, use.month_held) == (amount - 1, 0, amount - 1, 0)
