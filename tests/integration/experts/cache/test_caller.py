"""Requests through the cache to scripted experts, over a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from experts.cache.caller import CachedCall, Plan
from experts.cache.controls import Controls
from experts.cache.flights import Flights
from experts.cache.forms import joined
from experts.cache.store import CacheStore
from experts.calling.call import CallOptions, ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Expert
from experts.errors import ExpertError
from experts.providers.scripted import ScriptedProvider

VERSIONS = {"one": 1, "two": 1}
PLAN = Plan("acme", "chat", VERSIONS, Controls(), 60.0)


def expert(script: str, id_: str = "one") -> Expert:
    return Expert.model_validate({"id": id_, "provider": "scripted", "model": script})


def fields(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **more}


class Caches:
    """A replica: counts the calls that reach an expert."""

    def __init__(self, redis: Redis) -> None:
        self.flights = Flights(CacheStore(redis))
        self.caller = ExpertCaller(
            ProviderRegistry({"scripted": ScriptedProvider()}), environment_secrets({})
        )
        self.calls = 0

    def of(
        self, experts: tuple[Expert, ...], asked: dict[str, Any], plan: Plan = PLAN
    ) -> CachedCall:
        return CachedCall(self.caller, self.flights, plan, experts, asked)

    async def whole(
        self, experts: tuple[Expert, ...], asked: dict[str, Any], plan: Plan = PLAN
    ) -> tuple[str, str]:
        options = CallOptions(timeout=5.0)
        async with self.of(experts, asked, plan) as cached:
            await cached.look()
            answer = await cached.complete(options, asked)
        self.calls += len(options.attempts)
        said = msgspec.json.decode(answer.body)["choices"][0]["message"]
        return cached.state, said["content"] or said["tool_calls"][0]["function"]["name"]

    async def streamed(
        self, experts: tuple[Expert, ...], asked: dict[str, Any], plan: Plan = PLAN
    ) -> tuple[str, bytes]:
        options = CallOptions(timeout=5.0)
        async with self.of(experts, asked, plan) as cached:
            await cached.look()
            stream = await cached.stream(options, asked)
        try:
            blocks = [block async for block in stream]
        finally:
            await stream.aclose()
        self.calls += len(options.attempts)
        return cached.state, b"".join(blocks)


@pytest.fixture
async def caches(redis: Redis) -> AsyncIterator[Caches]:
    made = Caches(redis)
    yield made
    await made.flights.aclose()
    await made.caller.aclose()


ANSWER = (expert("fixed:The answer is forty-two."),)


async def test_whole_and_streamed_answers_are_one_entry(caches: Caches) -> None:
    assert await caches.whole(ANSWER, fields()) == ("miss", "The answer is forty-two.")
    assert await caches.whole(ANSWER, fields()) == ("hit", "The answer is forty-two.")
    state, events = await caches.streamed(ANSWER, fields(stream=True))
    assert state == "hit"
    assert events.endswith(b"data: [DONE]\n\n")
    assert joined(events)["choices"][0]["message"]["content"] == "The answer is forty-two."
    assert b'"usage"' not in events
    assert caches.calls == 1


async def test_a_stream_is_recorded_and_told_again(caches: Caches) -> None:
    usage: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    state, first = await caches.streamed(ANSWER, fields(stream=True))
    assert (state, b'"usage"' in first) == ("miss", False)
    state, again = await caches.streamed(ANSWER, fields(stream=True))
    assert (state, again) == ("hit", first)
    state, counted = await caches.streamed(ANSWER, fields(**usage))
    assert state == "hit"
    assert joined(counted)["usage"]["completion_tokens"] > 0
    assert await caches.whole(ANSWER, fields()) == ("hit", "The answer is forty-two.")
    assert caches.calls == 1


@pytest.mark.parametrize(
    ("asked", "plan"),
    [
        (fields("other"), PLAN),
        (fields(), replace(PLAN, tenant="other")),
        (fields(), replace(PLAN, versions={"one": 2})),
        (fields(), replace(PLAN, controls=Controls(max_age=0.0))),
        (fields(), replace(PLAN, controls=Controls(read=False))),
    ],
)
async def test_what_is_not_answered_from_it(
    caches: Caches, asked: dict[str, Any], plan: Plan
) -> None:
    await caches.whole(ANSWER, fields())
    await asyncio.sleep(0.002)
    assert (await caches.whole(ANSWER, asked, plan))[0] == "miss"


@pytest.mark.parametrize(
    ("asked", "plan"),
    [
        ({**fields(), "temperature": 0.7}, PLAN),
        (fields(), replace(PLAN, controls=Controls(read=False, write=False))),
    ],
)
async def test_what_passes_it_by(caches: Caches, asked: dict[str, Any], plan: Plan) -> None:
    for _ in range(2):
        assert (await caches.whole(ANSWER, asked, plan))[0] == "bypass"
    assert caches.calls == 2


async def test_sampled_answers_are_kept_where_that_is_wanted(caches: Caches) -> None:
    plan, asked = replace(PLAN, sampled=True), {**fields(), "temperature": 0.7}
    assert [(await caches.whole(ANSWER, asked, plan))[0] for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize(
    "script", ["finish:length|fixed:cut", "break_off|fixed:a b c d", "error_midway|fixed:a b c"]
)
async def test_what_is_cut_or_fails_is_not_kept(caches: Caches, script: str) -> None:
    for _ in range(2):
        try:
            assert (await caches.streamed((expert(script),), fields(stream=True)))[0] == "miss"
        except ExpertError:
            assert "finish" not in script


async def test_what_is_refused_afterwards_is_not_kept(caches: Caches) -> None:
    async def refused() -> None:
        async with caches.of(ANSWER, fields()) as cached:
            await cached.look()
            await cached.complete(CallOptions(), fields())
            raise RuntimeError("a guardrail")

    with pytest.raises(RuntimeError):
        await refused()
    assert (await caches.whole(ANSWER, fields()))[0] == "miss"


async def test_a_stream_that_is_left_is_not_kept(caches: Caches) -> None:
    asked = fields(stream=True)
    async with caches.of(ANSWER, asked) as cached:
        await cached.look()
        stream = await cached.stream(CallOptions(), asked)
    await anext(stream)
    await stream.aclose()
    assert (await caches.whole(ANSWER, fields()))[0] == "miss"


async def test_of_identical_requests_one_asks(caches: Caches) -> None:
    slow = (expert("delay:0.05|fixed:slow"),)
    results = await asyncio.gather(
        *(caches.whole(slow, fields()) for _ in range(10)),
        *(caches.streamed(slow, fields(stream=True)) for _ in range(10)),
    )
    states = [state for state, _ in results]
    assert (states.count("miss"), states.count("shared")) == (1, 19)
    assert caches.calls == 1


async def test_the_answer_of_another_expert_is_kept_as_that_ones(caches: Caches) -> None:
    broken = expert("fail:503", "one")
    two = expert("fixed:from two", "two")
    assert (await caches.whole((broken, two), fields()))[1] == "from two"
    await caches.flights.settled()
    assert (await caches.whole((two,), fields())) == ("hit", "from two")
    assert (await caches.whole((broken, two), fields()))[0] == "miss", "the first may be back"
