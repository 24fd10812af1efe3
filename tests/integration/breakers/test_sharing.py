"""Breakers of several replicas over a real Valkey, and servers that are tried without a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.balancing import Replica as Endpointed
from experts.calling.breaker import BreakerSettings, State
from experts.calling.call import ExpertCaller
from experts.calling.health import ExpertHealth
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Endpoint, Expert, Price, SecretRef
from experts.providers.openai import OpenAIProvider
from experts.providers.scripted_server import ScriptedServer
from orchestrator.breakers import sharing
from orchestrator.breakers.probing import Probes
from orchestrator.breakers.sharing import CLAIM, KEY, SharedBreakers
from orchestrator.catalogue.secrets import SecretStore, generate_key
from orchestrator.catalogue.service import Catalogue, CatalogueService

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


async def test_a_new_value_of_a_key_is_a_new_chance_on_every_replica(
    make: Callable[..., Replica], engine: AsyncEngine
) -> None:
    keyed = Endpoint(url=URL, api_key=SecretRef(stored="a-key"))
    entry = expert().model_copy(update={"endpoints": (keyed,)})
    one, other = make("one", entry), make("other", entry)
    encryption = generate_key()
    stores = [
        SecretStore(engine, [encryption], {}, each.announce, changed=each.health.rekeyed)
        for each in (one, other)
    ]
    services = [CatalogueService(engine, store, one.announce) for store in stores]
    for service in services:
        await service.load()
    one.fail()
    await one.told()
    await other.shared.refresh()
    for each in (one, other):
        assert each.health.down() == {"e"}
        each.now += 1
    await stores[0].put("another-key", "k", by="me")
    await services[0].refresh()
    assert one.health.down() == {"e"}
    await stores[0].put("a-key", "k", by="me")
    for each, service in zip((one, other), services, strict=True):
        await service.refresh()
        assert each.health.down() == frozenset()
        await each.told()
    for each in (one, other):
        await each.shared.refresh()
        assert each.health.down() == frozenset()


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


# Trials of what is half open


async def opened_for(make: Callable[..., Replica], names: str, cool_down: float) -> list[Replica]:
    """Return replicas that all know of a failing endpoint, at the moment when it may be tried."""
    replicas = [make(name) for name in names.split()]
    replicas[0].fail()
    await replicas[0].told()
    for each in replicas:
        await each.shared.refresh()
        each.now += cool_down
    return replicas


def the_endpoint(replica: Replica) -> Endpointed:
    (found,) = replica.health.fleet(replica.catalogue.experts["e"]).replicas
    return found


async def test_one_replica_at_a_time_tries_an_endpoint(
    make: Callable[..., Replica], redis: Redis
) -> None:
    replicas = await opened_for(make, "one two three", 30.0)
    may = await asyncio.gather(*(each.health.may_try(the_endpoint(each)) for each in replicas))
    assert sorted(may) == [False, False, True]
    trying = replicas[may.index(True)]
    began = trying.health.began(the_endpoint(trying))
    assert not await trying.health.may_try(the_endpoint(trying))
    for other in replicas:
        assert other.health.down() == {"e"}
        other.now += 1.1
        if other is not trying:  # it asks again after a moment, and is told the same
            assert other.health.down() == frozenset()
            assert not await other.health.may_try(the_endpoint(other))
            assert other.health.down() == {"e"}
    trying.health.succeeded(the_endpoint(trying), began)
    await trying.told()
    for other in replicas:
        await other.shared.refresh()
        assert [view.state for view in other.health.snapshot()] == [State.CLOSED]
    (key,) = await redis.keys(CLAIM + "*")
    assert 0 < await redis.pttl(key) <= 30_000


async def test_a_replica_that_died_trying_is_waited_for_no_longer_than_a_cool_down(
    make: Callable[..., Replica], redis: Redis
) -> None:
    dead, other = await opened_for(make, "dead other", 30.0)
    assert await dead.health.may_try(the_endpoint(dead))
    assert not await other.health.may_try(the_endpoint(other))
    (key,) = await redis.keys(CLAIM + "*")
    await redis.pexpire(key, 1)
    await asyncio.sleep(0.01)
    other.now += 2
    assert await other.health.may_try(the_endpoint(other))


async def test_without_redis_each_replica_tries_by_itself() -> None:
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as away:
        for name in ("one", "two"):
            replica = Replica(away, name, expert(), 0.0)
            replica.fail()
            replica.now += 30
            endpoint = the_endpoint(replica)
            assert await replica.health.may_try(endpoint)
            replica.health.began(endpoint)
            assert not await replica.health.may_try(endpoint)


async def test_of_many_requests_to_two_replicas_one_finds_out_whether_it_is_back(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "_CLAIM_SECONDS", 30.0)  # a busy machine is not a lost Redis
    async with AsyncExitStack() as opened:
        back = await opened.enter_async_context(ScriptedServer("delay:0.15|echo"))
        well = await opened.enter_async_context(ScriptedServer("echo"))
        entry, other = expert(back.url), expert(well.url, id="other")
        callers = []
        for name in ("one", "two"):
            replica = Replica(redis, name, entry, 0.0)
            replica.fail()
            replica.now += 30.0
            providers = ProviderRegistry({"openai": OpenAIProvider()})
            caller = ExpertCaller(providers, environment_secrets({}), replica.health)
            opened.push_async_callback(caller.aclose)
            callers.append(caller)
        fields = {"messages": msgspec.Raw(b'[{"role":"user","content":"one"}]')}
        answers = await asyncio.gather(
            *(caller.complete([entry, other], fields) for caller in callers for _ in range(10))
        )
        assert sorted(one.expert.id for one in answers) == ["e", *["other"] * 19]
        assert len(back.ledger.requests) == 1


# Probes


async def test_a_server_of_ours_that_is_back_is_found_without_a_request(
    make: Callable[..., Replica],
) -> None:
    async with ScriptedServer() as server:
        replica = make("one", expert(server.url))
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
