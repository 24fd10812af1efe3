"""Commands of many requests go to Redis in one batch, and each is told of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from orchestrator.kit.together import Together


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commands each batch had."""
    seen: list[int] = []
    execute = Pipeline.execute

    async def executed(self: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(len(self))
        return await execute(self, *arguments, **options)

    monkeypatch.setattr(Pipeline, "execute", executed)
    return seen


async def test_those_at_the_same_moment_are_one_batch(redis: Redis, batches: list[int]) -> None:
    together = Together(redis)

    async def count(number: int) -> int:
        [reply] = await together.run(lambda pipe: pipe.incrby("n", number))
        return int(reply)

    assert await asyncio.gather(*map(count, range(1, 5))) == [1, 3, 6, 10]
    assert await count(0) == 10
    assert batches == [4, 1]


async def test_what_comes_while_one_is_under_way_waits_for_it(
    redis: Redis, batches: list[int]
) -> None:
    together = Together(redis)
    first = asyncio.create_task(together.run(lambda pipe: pipe.append("text", "a")))
    while not batches:  # noqa: ASYNC110 (what it waits for is another task)
        await asyncio.sleep(0)
    others = [together.run(lambda pipe, part=part: pipe.append("text", part)) for part in "bcd"]
    assert await asyncio.gather(first, *others) == [[1], [2], [3], [4]]
    assert (await redis.get("text"), batches) == (b"abcd", [1, 3])


async def test_each_is_told_of_its_own(redis: Redis) -> None:
    together = Together(redis)
    await redis.set("text", "a")

    def wrong(pipe: Pipeline) -> None:
        pipe.get("text")
        pipe.incr("text")

    nothing, mixed, right = await asyncio.gather(
        together.run(len), together.run(wrong), together.run(lambda p: p.get("text"))
    )
    assert (nothing, right) == ([], [b"a"])
    assert mixed[0] == b"a"
    assert isinstance(mixed[1], ResponseError)


async def test_commands_of_one_who_is_cancelled_are_sent(redis: Redis, batches: list[int]) -> None:
    together = Together(redis)
    gone = asyncio.create_task(together.run(lambda pipe: pipe.set("text", "a")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await together.run(lambda pipe: pipe.get("text")) == [b"a"]
    assert gone.cancelled()


async def test_without_redis_all_are_told_and_later_ones_are_sent(redis: Redis) -> None:
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as nowhere:
        together = Together(nowhere)
        found = await asyncio.gather(
            *(together.run(lambda pipe: pipe.get("text")) for _ in range(3)), return_exceptions=True
        )
        assert [isinstance(each, RedisError) for each in found] == [True] * 3
        together._redis = redis
        assert await together.run(lambda pipe: pipe.get("text")) == [None]


async def test_more_than_fit_into_a_batch(
    redis: Redis, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.kit.together._MOST", 2)
    together = Together(redis)
    found = await asyncio.gather(*(together.run(lambda pipe: pipe.incr("n")) for _ in range(5)))
    assert found == [[1], [2], [3], [4], [5]]
    assert batches == [2, 2, 1]
