"""What every provider promises (:mod:`experts.providers.protocol`), held by all of them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from experts.errors import RequestRefused
from experts.providers.interpreter import Limits
from experts.providers.litellm import LiteLLMProvider
from experts.providers.local import LocalProvider
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertCall, Provider, Usage
from experts.providers.python import PythonProvider
from experts.providers.replay import ReplayProvider
from experts.providers.scripted import ScriptedProvider
from experts.providers.scripted_server import ScriptedServer
from experts.providers.sse import DONE, data_of, split_events, usage_in

from .conftest import LITELLM_WARNS, eventually, make_call

pytestmark = LITELLM_WARNS

ENDLESS = "```python\nwhile True: pass\n```"
WAITING = ["openai", "litellm", "local", "python", "scripted"]
"""Those that can be waited for."""
AT_ONCE = ["replay"]
"""Those that have the answer already: there is nothing to be late, or to cancel."""


@dataclasses.dataclass
class Case:
    """A provider and the requests that bring out each of its behaviours."""

    provider: Provider
    quick: dict[str, Any]
    slow: dict[str, Any]
    refused: dict[str, Any]
    common: dict[str, Any] = dataclasses.field(default_factory=dict)
    busy: Callable[[], int] = lambda: 0

    def call(self, kind: dict[str, Any], **options: Any) -> ExpertCall:
        return make_call(**{**self.common, **kind, **options})


def over_http(provider: Provider, name: str, prefix: str, server: ScriptedServer) -> Case:
    return Case(
        provider,
        quick={"model": f"{prefix}echo"},
        slow={"model": f"{prefix}pace:0.02|hang_midway"},
        refused={"model": f"{prefix}refuse"},
        common={"provider": name, "url": server.url},
        busy=lambda: server.ledger.open,
    )


def replaying(record: Path) -> Case:
    line = {"prompt": "What is 17 * 23?", "answers": {"sage": "17 times 23 is 391."}}
    record.write_bytes(msgspec.json.encode(line))
    return Case(
        ReplayProvider(),
        quick={"text": line["prompt"]},
        slow={},
        refused={"text": "What was never asked?"},
        common={"provider": "replay", "model": "sage", "url": str(record)},
    )


def case_of(name: str, server: ScriptedServer, directory: Path) -> Case:
    if name == "replay":
        return replaying(directory / "record.jsonl")
    if name == "openai":
        return over_http(OpenAIProvider(), name, "", server)
    if name == "litellm":
        return over_http(LiteLLMProvider(), name, "openai/", server)
    if name == "local":
        small = {"max_tokens": 5, "temperature": 0}
        return Case(
            LocalProvider(),
            quick=small,
            slow={"text": "Tell a very long story.", "max_tokens": 1900, "ignore_eos": True},
            refused={"text": "word " * 5000},
            common={"provider": name, "model": "smollm2-135m-instruct"},
        )
    if name == "python":
        return Case(
            PythonProvider(Limits(seconds=60)),
            quick={"text": "what is 17 * 23?"},
            slow={"text": ENDLESS},
            refused={"text": "Write a poem."},
            common={"provider": name, "model": ""},
        )
    return Case(
        ScriptedProvider(),
        quick={"model": "echo"},
        slow={"model": "pace:0.02|hang_midway"},
        refused={"model": "refuse"},
        common={"provider": name},
    )


@pytest.fixture(scope="module", params=WAITING + AT_ONCE)
async def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Case]:
    async with ScriptedServer() as server:
        case = case_of(request.param, server, tmp_path_factory.mktemp("conformance"))
        await case.provider.complete(case.call(case.quick, timeout=60))  # imports, loads, starts
        yield case
        await case.provider.aclose()
        await case.provider.aclose()


def running() -> set[asyncio.Task[Any]]:
    """The tasks there are, but for those that serve the scripted server's open connections."""
    tasks = asyncio.all_tasks()
    return {task for task in tasks if "RequestHandler" not in task.get_coro().__qualname__}


async def blocks_of(case: Case, call: ExpertCall) -> list[bytes]:
    return [block async for block in case.provider.stream(call)]


async def test_a_whole_answer_is_a_chat_completion(case: Case) -> None:
    answer = await case.provider.complete(case.call(case.quick))
    fields = msgspec.json.decode(answer.body)
    assert fields["object"] == "chat.completion"
    assert isinstance(fields["id"], str)
    assert isinstance(fields["created"], int)
    (choice,) = fields["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] in {"stop", "length"}
    assert answer.usage is None or isinstance(answer.usage, Usage)


async def test_a_stream_is_blocks_of_whole_events_that_end(case: Case) -> None:
    blocks = await blocks_of(case, case.call(case.quick, stream=True))
    assert all(block.endswith(b"\n\n") for block in blocks)
    events = [event for block in blocks for event in split_events(block)]
    assert events[-1] == DONE
    chunks = [msgspec.json.decode(data_of(event) or b"") for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("content") or "" for choice in choices)
    assert [choice["finish_reason"] for choice in choices][-1] in {"stop", "length"}


async def test_a_stream_counts_what_the_whole_answer_counts(case: Case) -> None:
    whole = await case.provider.complete(case.call(case.quick))
    streamed = usage_in(b"".join(await blocks_of(case, case.call(case.quick, stream=True))))
    assert whole.usage is not None
    assert streamed is not None
    assert streamed.prompt_tokens == whole.usage.prompt_tokens
    # A model may word the same answer a token longer when its prompt was cached.
    assert bool(streamed.completion_tokens) is bool(whole.usage.completion_tokens)


async def test_unknown_fields_are_tolerated(case: Case) -> None:
    extra = {"a_field_of_tomorrow": {"x": [1]}, "user": "someone", "seed": 7}
    await case.provider.complete(case.call(case.quick, **extra))
    await blocks_of(case, case.call(case.quick, stream=True, **extra))


async def test_bytes_of_the_caller_are_understood(case: Case) -> None:
    call = case.call(case.quick)
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in call.body.items()}
    assert (await case.provider.complete(dataclasses.replace(call, body=raw))).body


async def test_a_refusal_is_a_refusal(case: Case) -> None:
    with pytest.raises(RequestRefused) as whole:
        await case.provider.complete(case.call(case.refused))
    with pytest.raises(RequestRefused) as streamed:
        await blocks_of(case, case.call(case.refused, stream=True))
    for error in (whole.value, streamed.value):
        assert error.expert == "e"
        assert "'e'" in error.message


@pytest.mark.parametrize("case", WAITING, indirect=True)
async def test_cancelled_calls_leave_nothing_running(case: Case) -> None:
    before = running()
    streams = [case.call(case.slow, stream=True) for _ in range(3)]
    tasks = [asyncio.create_task(blocks_of(case, call)) for call in streams]
    tasks += [asyncio.create_task(case.provider.complete(case.call(case.slow)))]
    await asyncio.sleep(0.4)
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    await eventually(lambda: case.busy() == 0)
    # Were anything still busy with them, the next caller would wait for it.
    async with asyncio.timeout(15):
        assert (await case.provider.complete(case.call(case.quick))).body
    await eventually(lambda: not running() - before)


async def test_a_stream_that_is_left_early_stops(case: Case) -> None:
    blocks = case.provider.stream(case.call(case.quick, stream=True))
    assert await anext(blocks)
    await blocks.aclose()
    await eventually(lambda: case.busy() == 0)
