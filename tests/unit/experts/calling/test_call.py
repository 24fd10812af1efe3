from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from experts.calling.call import CallOptions, ExpertCaller
from experts.calling.registry import BUILT_IN, ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Endpoint, Expert, SecretRef
from experts.errors import (
    ExpertAnswerInvalid,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
)
from experts.providers.protocol import ExpertAnswer, ExpertCall, Usage
from experts.providers.sse import DONE, split_events

SAYS = b'data: {"choices":[{"delta":{"content":"one"}}]}\n\n'
FIELDS = {"messages": msgspec.Raw(b'[{"role":"user","content":"one two three"}]')}


class Recorder:
    """A provider that keeps its calls, answers nothing much, and can break."""

    def __init__(self, *blocks: bytes, error: Exception | None = None) -> None:
        self.calls: list[ExpertCall] = []
        self.closed = 0
        self._blocks = blocks
        self._error = error

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        self.calls.append(call)
        if self._error:
            raise self._error
        return ExpertAnswer(b"{}", None)

    async def stream(self, call: ExpertCall) -> AsyncIterator[bytes]:
        self.calls.append(call)
        for block in self._blocks:
            yield block
        if self._error:
            raise self._error

    async def aclose(self) -> None:
        self.closed += 1


def expert(model: str = "echo", **fields: Any) -> Expert:
    return Expert(id="e", provider="scripted", model=model, **fields)


def caller(provider: Recorder | None = None, **environ: str) -> ExpertCaller:
    registry = ProviderRegistry({"scripted": provider} if provider else None)
    return ExpertCaller(registry, environment_secrets(environ))


async def test_a_whole_answer() -> None:
    answer = await caller().complete(expert(), FIELDS)
    assert msgspec.json.decode(answer.body)["choices"][0]["message"]["content"] == "one two three"
    assert answer.usage == Usage(3, 3)


async def test_a_stream_without_the_usage_chunk_nobody_asked_for() -> None:
    stream = await caller().stream(expert(), FIELDS)
    events = [event for block in [b async for b in stream] for event in split_events(block)]
    assert events[-1] == DONE
    assert not any(b'"usage"' in event for event in events)
    assert stream.usage == Usage(3, 3)


async def test_a_stream_with_the_usage_chunk_that_was_asked_for() -> None:
    fields = {**FIELDS, "stream_options": msgspec.Raw(b'{"include_usage":true}')}
    stream = await caller().stream(expert(), fields)
    assert b'"usage"' in b"".join([block async for block in stream])
    assert stream.usage == Usage(3, 3)


async def test_failures_before_the_first_block_come_at_once() -> None:
    with pytest.raises(ExpertOverloaded) as caught:
        await caller().stream(expert("fail:429:30"), FIELDS)
    assert caught.value.retry_after == 30
    assert caught.value.expert == "e"
    with pytest.raises(ExpertTimedOut):
        await caller().stream(expert("hang"), FIELDS, CallOptions(first_token_timeout=0.02))
    with pytest.raises(ExpertTimedOut, match="its answer did not come"):
        await caller().complete(expert("hang"), FIELDS, CallOptions(timeout=0.02))


async def test_failures_after_it_come_while_reading() -> None:
    stream = await caller().stream(expert("break_off"), FIELDS)
    with pytest.raises(ExpertAnswerInvalid):
        [block async for block in stream]


async def test_what_is_not_ours_becomes_a_failure_with_its_cause() -> None:
    cause = ZeroDivisionError("secret detail")
    with pytest.raises(ExpertFailed) as caught:
        await caller(Recorder(error=cause)).complete(expert(), FIELDS)
    assert caught.value.__cause__ is cause
    assert "secret detail" not in str(caught.value)
    stream = await caller(Recorder(SAYS, error=cause)).stream(expert(), FIELDS)
    with pytest.raises(ExpertFailed) as caught:
        [block async for block in stream]
    assert caught.value.__cause__ is cause


async def test_errors_of_ours_stay_themselves() -> None:
    error = ExpertTimedOut("x")
    with pytest.raises(ExpertTimedOut) as caught:
        await caller(Recorder(error=error)).complete(expert(), FIELDS)
    assert caught.value is error
    assert error.expert == "e"
    assert error.__cause__ is None


async def test_a_stream_of_nothing_is_no_answer() -> None:
    with pytest.raises(ExpertAnswerInvalid):
        await caller(Recorder()).stream(expert(), FIELDS)


async def test_leaving_early_closes_the_provider_stream() -> None:
    closed = asyncio.Event()

    class Endless(Recorder):
        async def stream(self, call: ExpertCall) -> AsyncIterator[bytes]:
            self.calls.append(call)
            try:
                while True:
                    yield SAYS
            finally:
                closed.set()

    async with await caller(Endless()).stream(expert(), FIELDS) as stream:
        await anext(stream)
    assert closed.is_set()


KEYED = (Endpoint(url="http://x/v1", api_key=SecretRef(env="A_KEY"), headers={"x-a": "1"}),)


async def test_the_call_holds_what_the_endpoint_says() -> None:
    provider = Recorder()
    options = CallOptions(timeout=5, first_token_timeout=2, request_id="r-1", category="law")
    await caller(provider, A_KEY=" k-123\n").complete(expert(endpoints=KEYED), FIELDS, options)
    (call,) = provider.calls
    assert (call.url, call.api_key, call.headers) == ("http://x/v1", "k-123", {"x-a": "1"})
    assert (call.timeout, call.request_id, call.category) == (5, "r-1", "law")
    assert "k-123" not in repr(call)


@pytest.mark.parametrize("environ", [{}, {"A_KEY": " "}])
async def test_a_missing_key_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(ExpertMisconfigured, match="A_KEY"):
        await caller(Recorder(), **environ).complete(expert(endpoints=KEYED), FIELDS)
    stored = (Endpoint(url="http://x", api_key=SecretRef(stored="my-key")),)
    with pytest.raises(ExpertMisconfigured, match="my-key"):
        await caller(Recorder(), **environ).stream(expert(endpoints=stored), FIELDS)


async def test_replicas_take_turns() -> None:
    provider = Recorder()
    two = (Endpoint(url="http://a/v1"), Endpoint(url="http://b/v1"))
    service = caller(provider)
    for _ in range(10):
        await service.complete(expert(endpoints=two), FIELDS)
    assert {call.url for call in provider.calls} == {"http://a/v1", "http://b/v1"}


def test_every_name_of_the_catalogue_has_a_provider() -> None:
    from typing import get_args

    from experts.catalogue.expert import ProviderName

    assert set(BUILT_IN) == set(get_args(ProviderName))


async def test_the_registry_builds_each_provider_once_and_closes_all() -> None:
    registry = ProviderRegistry()
    assert {registry.get(name) for name in BUILT_IN} == {registry.get(name) for name in BUILT_IN}
    with pytest.raises(ExpertMisconfigured):
        registry.get("nonsense")
    await registry.aclose()
    await registry.aclose()


async def test_one_provider_that_cannot_close_does_not_keep_the_others_open() -> None:
    class Stuck(Recorder):
        async def aclose(self) -> None:
            raise OSError

    other = Recorder()
    with pytest.raises(OSError):
        await ProviderRegistry({"a": Stuck(), "b": other}).aclose()
    assert other.closed == 1
