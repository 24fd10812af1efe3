"""Breakers of several replicas over a real Valkey, and servers that are tried without a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from experts.calling.breaker import BreakerSettings, State
from experts.calling.health import ExpertHealth
from experts.catalogue.expert import Endpoint, Expert, Price
from experts.providers.scripted_server import ScriptedServer
from orchestrator.breakers.probing import Probes
from orchestrator.breakers.sharing import KEY, SharedBreakers
from orchestrator.catalogue.service import Catalogue

URL = "http://127.0.0.1:9/v1"


def expert(url: str = URL, **fields: Any) -> Expert:
    entry = {"id": "e", "provider": "openai", "model": "m", **fields}
    return Expert.model_validate({**entry, "endpoints": (Endpoint(url=url),)})


class Replica:
    """One process: its breakers, and the clock it goes by."""

    def __init__(self, redis: Redis, name: str, entry: Expert, shift: float) -> None:
        self.now = 5_000.0
        self.catalogue = Catalogue(experts={"e": entry}, versions={"e": 1})
        self.announced: list[str] = []
        self.health = ExpertHealth(
            BreakerSettings(failures=2, cool_down=30.0), clock=lambda: self.now - shift
        )
        self.shared = SharedBreakers(
            redis,
            self.health,
            lambda: self.catalogue,
            self.announce,
            name,
            wall=lambda: 1.7e9 + self.now,
        )

    async def announce(self, topic: str) -> None:
        self.announced.append(topic)

    def fail(self, times: int = 2) -> None:
        (replica,) = self.health.fleet(self.catalogue.experts["e"]).replicas
        for _ in range(times):
            self.health.failed(replica, self.health.began(replica), "expert_unreachable")

    def answer(self) -> None:
        (replica,) = self.health.fleet(self.catalogue.experts["e"]).replicas
        self.health.succeeded(replica, self.health.began(replica))

    async def told(self) -> None:
        """Write down what is new, as its background task does."""
        assert await self.shared._tell()


@pytest.fixture
def make(redis: Redis) -> Callable[..., Replica]:
    def made(name: str, entry: Expert | None = None, shift: float = 0.0) -> Replica:
        return Replica(redis, name, entry or expert(), shift)

    return made


async def test_what_one_finds_the_others_know_and_so_does_one_that_starts(
    make: Callable[..., Replica],
) -> None:
    one, other = make("one"), make("other", shift=4_321.0)
    one.fail()
    await one.told()
    assert one.announced == ["breakers"]
    await other.shared.refresh()
    assert other.health.down() == {"e"}
    (view,) = other.health.snapshot()
    assert (view.reason, view.until - view.opened_at) == ("expert_unreachable", 30.0)
    # Its time comes at the same moment everywhere.
    other.now = one.now = 5_030.0
    assert one.health.down() == other.health.down() == frozenset()
    other.answer()
    await other.told()
    await one.shared.refresh()
    third = make("third")
    third.now = 5_031.0
    await third.shared.refresh()
    for replica in (one, third):
        assert replica.health.down() == frozenset()
        assert [view.state for view in replica.health.snapshot()] == [State.CLOSED]


async def test_a_reset_reaches_all(make: Callable[..., Replica]) -> None:
    one, other = make("one"), make("other")
    one.fail()
    await one.told()
    await other.shared.refresh()
    other.now += 1
    assert other.health.reset("e") == (URL,)
    await other.told()
    await one.shared.refresh()
    assert one.health.down() == frozenset()


async def test_what_is_known_later_counts(make: Callable[..., Replica]) -> None:
    one, other = make("one"), make("other")
    one.fail()
    await one.told()
    other.now += 5
    other.fail()
    await other.told()
    await one.shared.refresh()
    (view,) = one.health.snapshot()
    assert view.until == 5_035.0
    # Old news changes nothing, however often it is read.
    await other.shared.refresh()
    await one.shared.refresh()
    (view,) = one.health.snapshot()
    assert view.until == 5_035.0


async def test_what_redis_lost_is_said_again_and_a_new_entry_is_a_new_chance(
    make: Callable[..., Replica], redis: Redis
) -> None:
    one, other = make("one"), make("other")
    one.fail()
    await one.told()
    await redis.delete(KEY)
    await one.shared.refresh()
    await one.told()
    await other.shared.refresh()
    assert other.health.down() == {"e"}
    newer = make("newer")
    newer.catalogue = Catalogue(experts={"e": expert()}, versions={"e": 2})
    await newer.shared.refresh()
    assert newer.health.down() == frozenset()
    assert await redis.hlen(KEY) == 0


async def test_what_nobody_can_read_is_dropped(make: Callable[..., Replica], redis: Redis) -> None:
    await redis.hset(KEY, mapping={"x": b"nonsense", "y": b'{"expert":"gone"}'})
    replica = make("one")
    await replica.shared.refresh()
    assert await redis.hlen(KEY) == 0
    assert replica.health.down() == frozenset()


async def test_without_redis_everybody_goes_by_its_own_calls_and_tells_when_it_is_back(
    redis_url: str,
) -> None:
    nowhere = Redis(port=1, retry=Retry(NoBackoff(), 0))
    async with nowhere as away, Redis.from_url(redis_url) as redis:
        replica = Replica(away, "one", expert(), 0.0)
        await replica.shared.refresh()
        replica.fail()
        assert replica.health.down() == {"e"}
        assert not await replica.shared._tell()
        replica.shared._redis = redis
        await replica.told()
        assert await redis.hlen(KEY) == 1


async def test_the_background_task_tells_by_itself(make: Callable[..., Replica]) -> None:
    one = make("one")
    task = asyncio.create_task(one.shared.run())
    one.fail()
    async with asyncio.timeout(5):
        while not one.announced:  # noqa: ASYNC110 (what it waits for is another task)
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait((task,))


# Probes


async def test_a_server_of_ours_that_is_back_is_found_without_a_request() -> None:
    async with ScriptedServer() as server:
        replica = Replica(None, "one", expert(server.url), 0.0)  # type: ignore[arg-type]
        replica.fail()
        probes = Probes(replica.health)
        await probes.look()
        assert replica.health.down() == {"e"}  # its time has not come
        replica.now += 30
        await probes.look()
        assert [view.state for view in replica.health.snapshot()] == [State.CLOSED]
        assert server.ledger.requests == []
        replica.fail()
        await server.stop()
        replica.now += 30
        await probes.look()
        (view,) = replica.health.snapshot()
        assert (view.state, view.until) == (State.OPEN, replica.now + 60)
        assert view.outstanding == 0


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (expert(price=Price(output=0.1)), "expert_unreachable"),
        (expert(provider="litellm"), "expert_unreachable"),
        (expert(), "expert_failed"),
    ],
)
async def test_who_bills_or_answers_badly_is_not_tried(entry: Expert, reason: str) -> None:
    health = ExpertHealth(BreakerSettings(failures=2, cool_down=0.0))
    (replica,) = health.fleet(entry).replicas
    for _ in range(2):
        health.failed(replica, health.began(replica), reason)
    await Probes(health).look()
    assert [view.state for view in health.snapshot()] == [State.HALF_OPEN]
