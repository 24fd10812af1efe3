"""What tenants have of caches, and how answers go, over the administration's API."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from experts.cache.store import CacheStore
from tests.integration.caching.asking import PLACE, STATE, ask, stocked
from tests.integration.routers.conftest import MakeReplica, Replica


async def test_what_a_tenant_has_is_set_everywhere(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica())
    usual = (await replica.client.get(f"{PLACE}/default")).json()
    assert (usual["mode"], usual["usual"], usual["entries"]) == ("asked", True, 0)
    put = await replica.client.put(f"{PLACE}/default", json={"mode": "on", "seconds": 60})
    assert put.status_code == 200, put.text
    assert [(await ask(replica)).headers[STATE] for _ in range(2)] == ["miss", "hit"]
    await replica.services.caching.flights.settled()
    (listed,) = (await replica.client.get(PLACE)).json()["data"]
    assert (listed["mode"], listed["usual"], listed["entries"]) == ("on", False, 1)
    assert listed["bytes"] > 0
    assert (await replica.client.delete(f"{PLACE}/default")).status_code == 204
    assert (await replica.client.delete(f"{PLACE}/default")).status_code == 404
    assert (await ask(replica)).headers[STATE] == "bypass"


async def test_entries_are_shown_and_purged(replica: Replica) -> None:
    await stocked(replica)
    cache: dict[str, Any] = {"coe": {"cache": {"ttl": 60}}}
    missed = await ask(replica, **cache)
    await ask(replica, "other", **cache)
    await replica.services.caching.flights.settled()
    key = missed.headers["x-coe-cache-key"]
    entry = (await replica.client.get(f"{PLACE}/default/entries/{key}")).json()
    assert (entry["expert"], entry["version"], entry["comparisons"]) == ("ada", 2, None)
    assert 50 < entry["seconds_left"] <= 60
    assert "forty-two" not in str(entry)
    purged = await replica.client.post(f"{PLACE}/default/purge", json={"key": key})
    assert purged.json() == {"tenant": "default", "removed": 1}
    assert (await replica.client.get(f"{PLACE}/default/entries/{key}")).status_code == 404
    assert (await ask(replica, **cache)).headers[STATE] == "miss"
    await replica.services.caching.flights.settled()
    for body, removed in [({"expert": "bo"}, 0), ({"expert": "ada", "version": 2}, 2)]:
        purged = await replica.client.post(f"{PLACE}/default/purge", json=body)
        assert purged.json()["removed"] == removed


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/default", {"mode": "sometimes"}, 400),
        ("PUT", "/default", {"wrong": 0.5}, 400),
        ("PUT", "/nobody", {"mode": "on"}, 404),
        ("GET", "/nobody", None, 404),
        ("POST", "/default/purge", {}, 400),
        ("POST", "/default/purge", {"all": 0}, 400),
        ("POST", "/default/purge", {"all": True, "expert": "ada"}, 400),
        ("GET", "/default/entries/" + "0" * 64, None, 404),
        ("GET", "/default/entries/0", None, 400),
    ],
)
async def test_what_cannot_be_done_is_said(
    replica: Replica, method: str, path: str, body: Any, status: int
) -> None:
    answer = await replica.client.request(method, PLACE + path, json=body)
    assert answer.status_code == status, answer.text


async def test_without_redis_it_is_said_and_choices_are_shown(replica: Replica) -> None:
    away = Redis(port=1, retry=Retry(NoBackoff(), 0))
    store = replica.services.caching.store
    store._redis = away
    shown = (await replica.client.get(f"{PLACE}/default")).json()
    assert (shown["mode"], shown["entries"]) == ("asked", None)
    entry = await replica.client.get(f"{PLACE}/default/entries/{'0' * 64}")
    assert (entry.status_code, entry.json()["error"]["code"]) == (503, "cache_unavailable")
    await away.aclose()
    assert isinstance(store, CacheStore)
