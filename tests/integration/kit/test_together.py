"""Commands of many requests go to Redis in one batch, and each is told of its own."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from orchestrator.kit.together import Together


async def test_those_at_the_same_moment_are_answered_in_turn(redis: Redis) -> None:
    together = Together(redis)

    async def count(number: int) -> int:
        [reply] = await together.run(("INCRBY", "n", number))
        return int(reply)

    assert await asyncio.gather(*map(count, range(1, 5))) == [1, 3, 6, 10]
    assert await count(0) == 10
    ours = {await _client(together) for _ in range(3)}
    assert len(ours) == 1


async def _client(together: Together) -> int:
    [number] = await together.run(("CLIENT", "ID"))
    return int(number)


async def test_nobody_waits_for_the_replies_to_others(redis: Redis) -> None:
    together = Together(redis)
    slow = asyncio.create_task(together.run(("BLPOP", "queue", 5)))
    quick = asyncio.create_task(together.run(("GET", "text")))
    await asyncio.sleep(0.05)
    assert not quick.done()  # Redis answers a connection in turn
    await redis.rpush("queue", "a")
    assert await quick == [None]
    assert await slow == [[b"queue", b"a"]]


async def test_each_is_told_of_its_own(redis: Redis) -> None:
    together = Together(redis)
    await redis.set("text", "a")
    nothing, mixed, right = await asyncio.gather(
        together.run(),
        together.run(("GET", "text"), ("INCR", "text")),
        together.run(("GET", "text")),
    )
    assert (nothing, right) == ([], [b"a"])
    assert mixed[0] == b"a"
    assert isinstance(mixed[1], ResponseError)


async def test_commands_of_one_who_is_cancelled_are_sent(redis: Redis) -> None:
    together = Together(redis)
    gone = asyncio.create_task(together.run(("SET", "text", "a")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await together.run(("GET", "text")) == [b"a"]
    assert gone.cancelled()


async def test_without_redis_all_are_told_and_later_ones_are_sent(redis: Redis) -> None:
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as nowhere:
        together = Together(nowhere)
        found = await asyncio.gather(
            *(together.run(("GET", "text")) for _ in range(3)), return_exceptions=True
        )
        assert [isinstance(each, RedisError) for each in found] == [True] * 3
        together._redis = redis
        assert await together.run(("GET", "text")) == [None]


async def test_a_connection_that_has_ended_meanwhile_is_made_anew(redis: Redis) -> None:
    together = Together(redis)
    [number] = await together.run(("CLIENT", "ID"))
    await redis.client_kill_filter(_id=number)
    assert await together.run(("INCR", "n")) == [1]
    assert await together.run(("CLIENT", "ID")) != [number]


async def test_who_does_not_answer_in_time_is_given_up_and_asked_again(redis: Redis) -> None:
    together = Together(redis, seconds=0.1)
    await together.run(("GET", "n"))
    with pytest.raises(RedisError, match="in time"):
        await together.run(("BLPOP", "nothing", 1))
    await redis.rpush("nothing", 1)
    assert await together.run(("INCR", "n")) == [1]  # not the reply to what came before


async def test_what_is_under_way_when_the_connection_ends_is_sent_once_more(redis: Redis) -> None:
    together = Together(redis)
    [number] = await together.run(("CLIENT", "ID"))
    waiting = asyncio.create_task(together.run(("SET", "n", 7), ("BLPOP", "queue", 5)))
    await asyncio.sleep(0.05)
    await redis.set("n", 1)
    await redis.client_kill_filter(_id=number)
    await asyncio.sleep(0.05)
    await redis.rpush("queue", "a")
    assert await waiting == [b"OK", [b"queue", b"a"]]
    assert await redis.get("n") == b"7"


async def test_it_ends_with_its_client(redis: Redis) -> None:
    async with Redis(unix_socket_path=redis.connection_pool.connection_kwargs["path"]) as other:
        together = Together(other)
        [number] = await together.run(("CLIENT", "ID"))
    assert number not in {int(each["id"]) for each in await redis.client_list()}
