"""Fallback, deadlines, hedging and cancellation over real sockets; nothing is left open behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from experts.calling.call import CallOptions, CallRules, ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Endpoint, Expert
from experts.errors import ExpertAnswerInvalid, ExpertOverloaded, ExpertTimedOut, ExpertUnreachable
from experts.providers.openai import OpenAIProvider
from experts.providers.scripted_server import ScriptedServer
from tests.integration.experts.conftest import eventually

FIELDS = {"messages": msgspec.Raw(b'[{"role":"user","content":"one two three four"}]')}
MakeCaller = Callable[..., ExpertCaller]


@pytest.fixture
async def make_caller() -> AsyncIterator[MakeCaller]:
    """Make callers; afterwards no task of theirs may be left."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:

        def make(**rules: Any) -> ExpertCaller:
            caller = ExpertCaller(
                ProviderRegistry({"openai": OpenAIProvider()}),
                environment_secrets({}),
                rules=CallRules(**rules),
                chance=lambda: 0.01,
            )
            stack.push_async_callback(caller.aclose)
            return caller

        yield make
    await eventually(lambda: not any(map(_is_ours, asyncio.all_tasks() - before)))


def _is_ours(task: asyncio.Task[Any]) -> bool:
    """Tell whether a task is neither the scripted server's nor the one that looks."""
    return task is not asyncio.current_task() and "RequestHandler" not in repr(task.get_coro())


def expert(name: str, model: str, *urls: str) -> Expert:
    endpoints = tuple(Endpoint(url=url) for url in urls)
    return Expert(id=name, provider="openai", model=model, endpoints=endpoints)


async def gone_url() -> str:
    """Return an address that nobody listens at any more."""
    async with ScriptedServer() as server:
        return server.url


async def said(caller: ExpertCaller, experts: Any, options: CallOptions | None = None) -> bytes:
    async with await caller.stream(experts, FIELDS, options) as stream:
        return b"".join([block async for block in stream])


@pytest.mark.parametrize(
    "model",
    ["fail:500", "fail:429:60", "malformed", "empty", "content_type", "refused", "hang", "delay:9"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_another_answers_in_time(
    make_caller: MakeCaller, server: ScriptedServer, model: str, *, stream: bool
) -> None:
    caller, options = make_caller(share=0.1), CallOptions(timeout=4.0, first_token_timeout=4.0)
    url = await gone_url() if model == "refused" else server.url
    experts = [expert("bad", model, url), expert("good", "echo", server.url)]
    began = time.monotonic()
    if stream:
        assert b"three" in await said(caller, experts, options)
    else:
        answer = await caller.complete(experts, FIELDS, options)
        assert answer.expert.id == "good"
    assert time.monotonic() - began < 2.0
    assert options.attempts[-1].expert.id == "good"
    assert {one.outcome for one in options.attempts[:-1]} == {"failed"}
    await eventually(lambda: server.ledger.open == 0)


async def test_what_has_been_passed_on_is_not_taken_over(
    make_caller: MakeCaller, server: ScriptedServer
) -> None:
    bad = expert("bad", "pace:0.01|break_off|fixed:one two three four", server.url)
    stream = await make_caller().stream([bad, expert("good", "echo", server.url)], FIELDS)
    with pytest.raises(ExpertAnswerInvalid, match="broke off"):
        [block async for block in stream]
    await stream.aclose()
    assert [one.outcome for one in stream.attempts] == ["failed"]


async def test_endpoints_stand_in_for_each_other(
    make_caller: MakeCaller, server: ScriptedServer
) -> None:
    caller = make_caller()
    both = expert("both", "echo", await gone_url(), server.url)
    for _ in range(12):
        assert (await caller.complete(both, FIELDS)).expert is both
    assert len(server.ledger.requests) == 12
    states = [view.state for view in caller.health.snapshot()]
    assert states == ["open", "closed"]
    with pytest.raises(ExpertUnreachable):
        await caller.complete(expert("gone", "echo", await gone_url()), FIELDS)


async def test_a_wish_to_wait_is_heeded(make_caller: MakeCaller) -> None:
    caller = make_caller()
    script = {"status": 429, "retry_after": 0.2, "failures": 1}
    async with ScriptedServer(script) as busy:
        began = time.monotonic()
        await caller.complete(expert("busy", "echo", busy.url), FIELDS)
        assert 0.2 <= time.monotonic() - began < 3.0
        assert len(busy.ledger.requests) == 2
    async with ScriptedServer({"status": 429, "retry_after": 5}) as busy:
        began = time.monotonic()
        with pytest.raises(ExpertOverloaded) as caught:
            await caller.complete(expert("busier", "echo", busy.url), FIELDS, CallOptions(2.0))
        assert time.monotonic() - began < 3.0
        assert caught.value.retry_after == 5
        assert len(busy.ledger.requests) == 1


async def test_nothing_takes_longer_than_the_deadline(
    make_caller: MakeCaller, server: ScriptedServer
) -> None:
    caller = make_caller()
    hanging = [expert(f"h{n}", "hang", server.url) for n in range(4)]
    for stream in (False, True):
        options = CallOptions(0.4, 0.3)
        began = time.monotonic()
        with pytest.raises(ExpertTimedOut):
            await (said(caller, hanging, options) if stream else
                   caller.complete(hanging, FIELDS, options))  # fmt: skip
        assert time.monotonic() - began < 2.0
        assert len(options.attempts) in {3, 4}
    midway = expert("m", "hang_midway", server.url)
    began = time.monotonic()
    with pytest.raises(ExpertTimedOut):
        await said(caller, midway, CallOptions(0.4, 0.3))
    assert time.monotonic() - began < 2.0
    await eventually(lambda: server.ledger.open == 0)


async def test_a_stream_that_falls_silent_is_ended_and_the_endpoint_to_blame(
    make_caller: MakeCaller, server: ScriptedServer
) -> None:
    caller = make_caller(idle_timeout=0.2, fair_timeout=1e9)
    bad = expert("m", "hang_midway|fixed:one two three four", server.url)
    for _ in range(3):
        began = time.monotonic()
        stream = await caller.stream([bad, expert("good", "echo", server.url)], FIELDS)
        with pytest.raises(ExpertTimedOut, match="fell silent"):
            [block async for block in stream]
        await stream.aclose()
        assert 0.2 <= time.monotonic() - began < 2.0
        (attempt,) = stream.attempts
        assert (attempt.outcome, attempt.error, attempt.sent) == ("failed", "expert_timeout", True)
    assert caller.health.down() == {"m"}
    await eventually(lambda: server.ledger.open == 0)
    assert server.ledger.cancelled == 3


async def test_the_slow_one_is_raced_and_its_connection_closed(make_caller: MakeCaller) -> None:
    caller = make_caller(hedge=True)
    async with ScriptedServer("echo") as quick, ScriptedServer("delay:5|echo") as slow:
        both = expert("e", "echo", slow.url, quick.url)
        for replica in caller.health.fleet(both).replicas:
            for _ in range(20):
                replica.durations.note(0.02)
        for stream in (False, True):
            options = CallOptions()
            began = time.monotonic()
            if stream:
                await said(caller, both, options)
            else:
                await caller.complete(both, FIELDS, options)
            assert time.monotonic() - began < 3.0
        both_asked = [len(one.ledger.requests) for one in (slow, quick)]
        assert both_asked in ([1, 2], [2, 2])
        await eventually(lambda: slow.ledger.open == 0)
        assert slow.ledger.cancelled == both_asked[0]
        assert all(view.outstanding == 0 for view in caller.health.snapshot())


@pytest.mark.parametrize("model", ["hang", "hang_midway", "pace:0.05|echo"])
async def test_whoever_leaves_stops_the_expert(
    make_caller: MakeCaller, server: ScriptedServer, model: str
) -> None:
    caller, options = make_caller(), CallOptions()
    task = asyncio.ensure_future(said(caller, [expert("e", model, server.url)], options))
    await eventually(lambda: server.ledger.open == 1)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait((task,))
    await eventually(lambda: server.ledger.open == 0)
    assert server.ledger.cancelled == 1
    assert [one.outcome for one in options.attempts] == ["cancelled"]
    assert all(view.outstanding == 0 for view in caller.health.snapshot())
    # The next one is served, on a connection of its own.
    assert await said(caller, expert("f", "echo", server.url))
