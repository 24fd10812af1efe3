"""Answers to requests that are only alike, where a tenant wants them."""

from __future__ import annotations

import asyncio
import time

from experts.cache.key import Asked, cache_key
from experts.cache.similar.content import prompt_of
from experts.cache.similar.log import Compared, Kept
from orchestrator.caching.confirming import InThread
from tests.integration.caching.asking import PLACE, STATE, ask, recorded, said, stocked
from tests.integration.routers.conftest import MakeReplica, Replica

QUESTION, SAME = "How do I clean a leather sofa?", "Please, how do I clean a leather sofa?"


async def sure(replica: Replica) -> None:
    """Let the tenant have seen much of this kind."""
    fields = {"messages": [{"role": "user", "content": "What is a fugue?"}], "temperature": 0}
    version = replica.services.catalogue.current.versions["ada"]
    asked = Asked("default", "ada", version)
    prompt = prompt_of(asked, fields)
    assert prompt is not None
    kept = Kept(cache_key(asked, fields), prompt.rest, prompt.text, "", time.time() + 60)
    scale = replica.services.caching.similar._confirms.scale
    seen = [Compared(kept.name, 1.0, True, scale), Compared(kept.name, 0.7, False, scale)] * 300
    await replica.services.caching.similar._events.add("default", kept, *seen)


async def in_step(replica: Replica) -> None:
    caching = replica.services.caching
    await caching.flights.settled()
    await caching.similar.settled()
    while await caching.similar.step():
        pass


async def test_a_request_like_another_has_its_answer_on_every_replica(
    make_replica: MakeReplica,
) -> None:
    one, two = await stocked(await make_replica()), await make_replica()
    wanted = {"mode": "on", "similar": True, "wrong": 0.02}
    assert (await one.client.put(f"{PLACE}/default", json=wanted)).status_code == 200
    await two.services.caching.book.refresh()
    await in_step(one)
    first = await ask(one, QUESTION)
    assert first.headers[STATE] == "miss"
    await in_step(one)
    assert (await ask(one, SAME)).headers[STATE] == "miss", "nothing is known of such answers yet"
    await sure(one)
    for replica in (one, two):
        await in_step(replica)
    answers = [
        await ask(two, f"{QUESTION}{' ' * n}", stream=n % 2 == 1, coe={"explain": True})
        for n in range(1, 7)
    ]
    assert {said(answer) for answer in answers} == {"The answer is forty-two."}
    given = [answer for answer in answers if answer.headers[STATE] == "similar"]
    assert len(given) >= 4, "one of fifty is asked nevertheless"
    for answer in given:
        assert answer.headers["x-coe-cache-key"] == first.headers["x-coe-cache-key"]
        assert '"given":true' in answer.text
        record = await recorded(two, answer)
        assert (record["cache"], record["cost_usd"]) == ("similar", 0)
    for text in ("How do I clean a velvet sofa?", "How do I clean 2 leather sofas?"):
        assert (await ask(two, text)).headers[STATE] == "miss"
    refused = await ask(
        two, "Now how do I clean a leather sofa?", coe={"cache": {"similar": False}}
    )
    assert refused.headers[STATE] == "miss"


async def test_who_wants_it_no_more_leaves_no_prompts_behind(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica())
    wanted = {"mode": "on", "similar": True}
    await replica.client.put(f"{PLACE}/default", json=wanted)
    await in_step(replica)
    await ask(replica, QUESTION)
    await in_step(replica)
    redis = replica.services.redis
    assert [key async for key in redis.scan_iter(b"coe:cache:*:prompts")]
    await replica.client.put(f"{PLACE}/default", json={"mode": "on"})
    assert not [key async for key in redis.scan_iter(b"coe:cache:*:prompts")]
    await asyncio.sleep(0)
    await in_step(replica)
    assert replica.services.caching.similar.of("default") is None


async def test_an_encoder_confirms_where_there_is_one(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica(cache_encoder="hashing:64"))
    confirms = replica.services.caching.similar._confirms
    assert isinstance(confirms, InThread)
    assert confirms.scale.startswith("hashing")
    wanted = {"mode": "on", "similar": True}
    await replica.client.put(f"{PLACE}/default", json=wanted)
    await in_step(replica)
    await ask(replica, QUESTION)
    await sure(replica)
    await in_step(replica)
    answers = [await ask(replica, f"{QUESTION}{' ' * n}") for n in range(1, 7)]
    assert [answer.headers[STATE] for answer in answers].count("similar") >= 4
    told = (await ask(replica, f"{QUESTION} Why?", coe={"explain": True})).json()
    assert told["coe"]["cache"]["similar"]["kept_apart_by"] == ["question"]


async def test_what_was_compared_by_other_vectors_says_nothing(make_replica: MakeReplica) -> None:
    replica = await stocked(await make_replica())
    await replica.client.put(f"{PLACE}/default", json={"mode": "on", "similar": True})
    await in_step(replica)
    first = await ask(replica, QUESTION)
    await in_step(replica)
    key = bytes.fromhex(first.headers["x-coe-cache-key"])
    caching = replica.services.caching
    scale = caching.similar._confirms.scale
    of_others = [Compared(key, 1.0, True, "another"), Compared(key, 1.0, True)]
    await caching.similar._events.add("default", *of_others, Compared(key, 0.9, False, scale))
    await in_step(replica)
    assert caching.seen("default", key) == (1, 0)
