from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import msgspec
import pytest

from experts.errors import (
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    ExpertUnreachable,
    RequestRefused,
)
from experts.providers.litellm import LiteLLMProvider, arguments
from experts.providers.protocol import ExpertCall, Usage
from experts.providers.scripted_server import ScriptedServer
from experts.providers.sse import DONE, split_events

from .conftest import KEY, LITELLM_WARNS, eventually, make_call

pytestmark = LITELLM_WARNS


@pytest.fixture(scope="module")
async def litellm() -> AsyncIterator[LiteLLMProvider]:
    provider = LiteLLMProvider()
    yield provider
    await provider.aclose()


def call(script: str, server: ScriptedServer, **options: object) -> ExpertCall:
    return make_call(f"openai/{script}", provider="litellm", url=server.url, **options)


async def test_the_import_does_not_hold_up_the_loop(
    litellm: LiteLLMProvider, server: ScriptedServer
) -> None:
    async def tick() -> None:
        while True:
            ticks.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.01)

    ticks: list[float] = []
    ticking = asyncio.create_task(tick())
    answer = await litellm.complete(call("echo", server))
    ticking.cancel()
    assert answer.usage == Usage(4, 4)
    took = ticks[-1] - ticks[0]
    if took > 1:  # the import was this test's
        assert len(ticks) > 10 * took


async def test_fields_of_the_operator_cannot_be_set_by_a_caller(
    litellm: LiteLLMProvider, server: ScriptedServer
) -> None:
    hostile = {
        "api_base": "http://127.0.0.1:1/v1",
        "base_url": "http://127.0.0.1:1/v1",
        "mock_response": "mine",
        "custom_llm_provider": "anthropic",
        "fallbacks": ["openai/x"],
        "extra_headers": {"authorization": "x"},
        "temperature": 0.5,
    }
    await litellm.complete(call("echo", server, **hostile))
    (request,), (headers,) = server.ledger.requests, server.ledger.headers
    assert set(request) == {"model", "messages", "temperature"}
    assert headers["authorization"] == f"Bearer {KEY}"


def test_arguments_are_the_operators_then_the_callers() -> None:
    one = make_call(
        "bedrock/m", provider="litellm", temperature=msgspec.Raw(b"0.25"), api_version="caller's"
    )
    fields = {**one.expert.model_dump(), "parameters": {"api_version": "v1", "script": "x"}}
    expert = type(one.expert).model_validate(fields)
    given = arguments(ExpertCall(expert=expert, body=one.body, api_key="k"), stream=False)
    assert given["api_version"] == "v1"
    assert given["temperature"] == 0.25
    assert given["num_retries"] == given["max_retries"] == 0
    assert not {"script", "api_base", "extra_headers"} & set(given)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("refuse", RequestRefused),
        ("nonsense", ExpertMisconfigured),
        ("fail:401", ExpertMisconfigured),
        ("fail:402", ExpertMisconfigured),
        ("fail:403", ExpertMisconfigured),
        ("fail:504", ExpertTimedOut),
        ("fail:429:7", ExpertOverloaded),
        ("fail:503", ExpertOverloaded),
        ("fail:500", ExpertFailed),
        ("empty", ExpertAnswerInvalid),
    ],
)
async def test_faults(
    litellm: LiteLLMProvider, server: ScriptedServer, script: str, kind: type[ExpertError]
) -> None:
    with pytest.raises(ExpertError) as whole:
        await litellm.complete(call(script, server))
    with pytest.raises(ExpertError) as streamed:
        [block async for block in litellm.stream(call(script, server, stream=True))]
    for error in (whole.value, streamed.value):
        assert type(error) is kind
        assert KEY not in f"{error!r} {error.upstream_body!r}"
    assert len(server.ledger.requests) == 2, "litellm retried"


async def test_retry_after_and_reason_are_kept(
    litellm: LiteLLMProvider, server: ScriptedServer
) -> None:
    with pytest.raises(ExpertOverloaded) as caught:
        await litellm.complete(call("fail:429:7", server))
    assert caught.value.retry_after == 7
    with pytest.raises(RequestRefused, match="refused the request: scripted failure"):
        await litellm.complete(call("refuse", server))


async def test_nobody_listens(litellm: LiteLLMProvider, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/v1"
    with pytest.raises(ExpertUnreachable):
        await litellm.complete(make_call("openai/m", provider="litellm", url=url))


async def test_a_vendor_that_litellm_does_not_know(litellm: LiteLLMProvider) -> None:
    with pytest.raises(ExpertMisconfigured, match="knows no vendor"):
        await litellm.complete(make_call("nosuchvendor/m", provider="litellm"))


@pytest.mark.parametrize("script", ["break_off", "half_event", "error_midway"])
async def test_streams_that_break(
    litellm: LiteLLMProvider, server: ScriptedServer, script: str
) -> None:
    blocks = litellm.stream(call(f"pace:0.02|{script}", server, stream=True))
    await anext(blocks)
    with pytest.raises(ExpertAnswerInvalid):
        [block async for block in blocks]


async def test_tool_calls_are_streamed(litellm: LiteLLMProvider, server: ScriptedServer) -> None:
    script = 'tool:add {"a": 1, "b": 22}|tool:now'
    blocks = [block async for block in litellm.stream(call(script, server, stream=True))]
    events = [event for block in blocks for event in split_events(block)]
    assert events[-1] == DONE
    arguments_by_index: dict[int, str] = {}
    for event in events[:-1]:
        for choice in msgspec.json.decode(event[6:])["choices"]:
            for piece in choice["delta"].get("tool_calls") or ():
                index = piece["index"]
                more = piece["function"].get("arguments") or ""
                arguments_by_index[index] = arguments_by_index.get(index, "") + more
    assert arguments_by_index == {0: '{"a": 1, "b": 22}', 1: "{}"}


async def test_a_vendor_that_counts_nothing(
    litellm: LiteLLMProvider, server: ScriptedServer
) -> None:
    assert (await litellm.complete(call("usage:absent", server))).usage is None


async def test_leaving_a_stream_stops_the_server(
    litellm: LiteLLMProvider, server: ScriptedServer
) -> None:
    blocks = litellm.stream(call("pace:0.02|hang_midway", server, stream=True))
    await anext(blocks)
    await blocks.aclose()
    await eventually(lambda: server.ledger.cancelled == 1, seconds=2)


def test_neither_import_nor_construction_loads_litellm() -> None:
    code = (
        "import sys; from experts.providers.litellm import LiteLLMProvider; LiteLLMProvider();"
        "import experts.calling.call; assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
