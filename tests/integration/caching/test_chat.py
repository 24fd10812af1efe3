"""What a client sees, and what is recorded, when an answer is kept."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from experts.catalogue.expert import Expert
from tests.integration.caching.asking import STATE, ask, recorded, said, stocked
from tests.integration.guardrails import hooks
from tests.integration.routers.conftest import MakeReplica, Replica


async def test_unless_asked_for_nothing_is_kept(replica: Replica) -> None:
    await stocked(replica)
    for _ in range(2):
        answer = await ask(replica)
        assert answer.headers[STATE] == "bypass"
        assert "age" not in answer.headers
    assert (await recorded(replica, answer))["cache"] is None
    assert not [key async for key in replica.services.redis.scan_iter(b"coe:cache:*")]


@pytest.mark.parametrize("first", [False, True])
async def test_who_asks_for_it_has_it_whole_and_streamed(replica: Replica, *, first: bool) -> None:
    await stocked(replica)
    cache = {"cache": True, "explain": True}
    began = time.monotonic()
    missed = await ask(replica, stream=first, coe=cache)
    assert (missed.headers[STATE], said(missed)) == ("miss", "The answer is forty-two.")
    await replica.services.caching.flights.settled()
    for stream in (False, True):
        hit = await ask(replica, stream=stream, coe=cache)
        assert (hit.headers[STATE], said(hit)) == ("hit", "The answer is forty-two.")
        assert 0 <= int(hit.headers["age"]) <= time.monotonic() - began + 1
        assert hit.headers["x-coe-cache-key"] == missed.headers["x-coe-cache-key"]
        record = await recorded(replica, hit)
        assert (record["status"], record["cache"], record["expert"]) == ("ok", "hit", "ada")
        assert (record["cost_usd"], record["prompt_tokens"], record["attempts"]) == (0, 0, [])
        paid = await recorded(replica, missed)
        assert record["saved_tokens"] == paid["prompt_tokens"] + paid["completion_tokens"] > 0
        assert paid["cache"] == "miss"
        assert '"state":"hit"' in hit.text.replace(" ", "")


async def test_what_a_request_says_of_it(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica(cache="on"))
    assert (await ask(replica)).headers[STATE] == "miss"
    said_of_it: list[tuple[Any, dict[str, Any], str]] = [
        (None, {}, "hit"),
        ({"cache-control": "no-cache"}, {}, "miss"),
        ({"cache-control": "no-store"}, {}, "bypass"),
        (None, {"coe": {"cache": False}}, "bypass"),
        (None, {"temperature": 0.5}, "bypass"),
        (None, {"temperature": 0.5, "coe": {"cache": True}}, "miss"),
        (None, {"coe": {"cache": {"max_age": 0}}}, "miss"),
        (None, {"seed": 3}, "miss"),
        (None, {"user": "somebody"}, "hit"),
    ]
    for headers, fields, state in said_of_it:
        answer = await ask(replica, headers=headers, **fields)
        assert answer.headers[STATE] == state, (headers, fields)
    refused = await ask(replica, coe={"cache": {"ttl": "soon"}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "coe.cache.ttl")


async def test_another_version_of_the_expert_is_asked_anew(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica(cache="on"))
    await ask(replica)
    await stocked(replica, "fixed:Another answer.")
    answer = await ask(replica)
    assert (answer.headers[STATE], said(answer)) == ("miss", "Another answer.")


async def test_where_it_is_off_nobody_has_it(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica(cache="off"))
    for _ in range(2):
        assert (await ask(replica, coe={"cache": True})).headers[STATE] == "bypass"


@pytest.mark.parametrize("stream", [False, True])
async def test_of_a_hundred_at_once_over_two_replicas_one_asks(
    make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    one = await stocked(await make_replica(cache="on"), "delay:0.15|echo")
    two = await make_replica(cache="on")
    # Both are in this process: on a slow machine a hundred requests hold up its loop for longer than a lease lasts,
    # and what comes of a leader that is gone for so long is another test's.
    monkeypatch.setattr("experts.cache.flights._REDIS_SECONDS", 10.0)
    for replica in (one, two):
        monkeypatch.setattr(replica.services.caching.flights._store, "lease_seconds", 10.0)
    answers = await asyncio.gather(
        *(ask(replica, stream=stream) for replica in (one, two) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {200}
    states = [answer.headers[STATE] for answer in answers]
    assert states.count("miss") == 1
    assert states.count("shared") > 0
    assert len({said(answer) for answer in answers}) == 1


async def test_a_hit_counts_as_a_request_and_costs_nothing(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica(cache="on"))
    missed = await ask(replica, max_tokens=10)
    cost = float(missed.headers["x-coe-cost"])
    limits = {"requests_per_minute": 3, "usd_per_day": cost * 1.0001}
    tenant = (await recorded(replica, missed))["tenant"]
    put = await replica.client.put(f"/admin/api/limits/tenants/{tenant}", json=limits)
    assert put.status_code == 200
    # There is no money left to ask an expert, and none is needed.
    assert (await ask(replica, "other", max_tokens=10)).json()["error"]["code"] == "budget_exceeded"
    states = [(await ask(replica, max_tokens=10)).headers.get(STATE) for _ in range(3)]
    assert states[:2] == ["hit", "hit"]
    last = await ask(replica, max_tokens=10)
    assert last.status_code == 429


async def test_what_a_guardrail_blocks_is_not_kept(make_replica: MakeReplica) -> None:
    judged = await make_replica(cache="on", guardrails_after=f"{hooks.__name__}:judge")
    replica = await stocked(judged, "fixed:block-me now")
    for stream in (False, True):
        for _ in range(2):
            assert (await ask(replica, stream=stream)).status_code == 403
    await replica.services.caching.flights.settled()
    assert not [key async for key in replica.services.redis.scan_iter(b"*:entry:*")]


async def test_embeddings_are_kept_too(make_replica: MakeReplica) -> None:
    replica = await make_replica(cache="on")
    expert = Expert(
        id="vec", provider="scripted", model="echo", capabilities=frozenset({"embeddings"})
    )
    await replica.services.catalogue.apply([expert], by="test")
    body = {"model": "vec", "input": "one two"}
    answers = [await replica.client.post("/v1/embeddings", json=body) for _ in range(2)]
    assert [answer.headers[STATE] for answer in answers] == ["miss", "hit"], answers[0].text
    assert answers[0].json()["data"] == answers[1].json()["data"]
