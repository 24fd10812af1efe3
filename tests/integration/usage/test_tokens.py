"""Tokens and money of real answers: an upstream on a socket, the pipeline, the row, to the nano."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from experts.catalogue.expert import Endpoint, Expert, Price
from orchestrator.tenants.keys import Role
from orchestrator.usage.record import UsageRecord
from tests.integration.usage.conftest import Caller, Desk

PRICE = Price(input=2.5, output=10.0, cached_input=0.25, cache_write=3.125, reasoning=12.0)
USAGE: dict[str, Any] = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600},
    "completion_tokens_details": {"reasoning_tokens": 200},
}
COST = 400 * 2500 + 600 * 250 + 100 * 10_000 + 200 * 12_000
TEXT = "Hello there, how are you today?"  # 8 tokens of o200k
PIECES = ["Hello there", ", how are", " you today", "?"]
ASKED = {"messages": [{"role": "user", "content": "Hello world"}]}  # 2 tokens of o200k


class Vendor:
    """Says the text, and of its usage what it is told to."""

    def __init__(self) -> None:
        self.usage: Any = USAGE
        self.breaks_after: int | None = None
        self.hangs_after: int | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body.get("stream"):
            message = {"role": "assistant", "content": TEXT}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            named = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
            said = {} if self.usage is None else {"usage": self.usage}
            return web.json_response({**named, "choices": [choice], **said})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, piece in enumerate(PIECES):
            if number == self.breaks_after:
                assert request.transport is not None
                request.transport.close()
                return response
            if number == self.hangs_after:
                await asyncio.sleep(30)
            await self._say(response, {"content": piece})
        await self._say(response, {}, "stop")
        if self.usage is not None:
            await self._event(response, {"choices": [], "usage": self.usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _say(
        self, response: web.StreamResponse, delta: dict[str, Any], finish: str | None = None
    ) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        await self._event(response, {"choices": [choice]})

    async def _event(self, response: web.StreamResponse, fields: dict[str, Any]) -> None:
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


@pytest.fixture(scope="module")
async def running(desk: Desk) -> AsyncIterator[Vendor]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", vendor.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    expert = Expert(
        id="vendor",
        provider="openai",
        model="gpt-6-luna",
        endpoints=(Endpoint(url=f"http://127.0.0.1:{port}/v1"),),
        price=PRICE,
        capabilities=frozenset({"streaming", "tools"}),
    )
    await desk.services.catalogue.create(expert, by="test")
    yield vendor
    await runner.cleanup()


@pytest.fixture
async def vendor(running: Vendor) -> Vendor:
    running.usage, running.breaks_after, running.hangs_after = USAGE, None, None
    return running


async def _row(desk: Desk, caller: Caller, request_id: str) -> dict[str, Any]:
    await desk.services.drain.flush()
    answer = await caller.get(f"/v1/usage/requests/{request_id}")
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()
    return row


async def _ask(desk: Desk, *, stream: bool, model: str = "vendor") -> dict[str, Any]:
    caller = await desk.caller()
    answer = await caller.post("/v1/chat/completions", {"model": model, "stream": stream, **ASKED})
    return await _row(desk, caller, answer.headers["x-coe-request-id"])


def _nanos(row: dict[str, Any]) -> int:
    return round(row["cost_usd"] * 1e9)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_cached_and_reasoning_tokens_are_priced_apart(
    desk: Desk, vendor: Vendor, stream: bool
) -> None:
    row = await _ask(desk, stream=stream)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (1000, 300)
    assert (row["cached_tokens"], row["reasoning_tokens"]) == (600, 200)
    assert (row["cache_write_tokens"], row["tokens_estimated"]) == (0, False)
    assert _nanos(row) == COST
    assert (row["expert_version"], row["attempts"]) == (1, None)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": -1, "completion_tokens": "many"},
        {"prompt_tokens": 10**12, "completion_tokens": 1},
        {**USAGE, "prompt_tokens_details": {"cached_tokens": 1001}},
    ],
    ids=["none", "nonsense", "huge", "more-cached-than-read"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tokens_that_are_not_credibly_counted_are_counted_here(
    desk: Desk, vendor: Vendor, usage: Any, stream: bool
) -> None:
    vendor.usage = usage
    row = await _ask(desk, stream=stream)
    assert (row["status"], row["tokens_estimated"]) == ("ok", True)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (2 + 3 + 4, 8)
    assert _nanos(row) == 9 * 2500 + 8 * 10_000


async def test_a_stream_that_breaks_off_costs_what_was_written(desk: Desk, vendor: Vendor) -> None:
    vendor.breaks_after = 2
    row = await _ask(desk, stream=True)
    assert (row["status"], row["tokens_estimated"]) == ("failed", True)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (9, 5)  # "Hello there, how are"
    assert _nanos(row) == 9 * 2500 + 5 * 10_000


async def test_what_a_price_becomes_changes_no_old_row(desk: Desk, vendor: Vendor) -> None:
    before = await _ask(desk, stream=False)
    old = desk.services.catalogue.current.experts["vendor"]
    dearer = old.model_copy(update={"price": Price(input=100.0, output=100.0)})
    await desk.services.catalogue.update(dearer, by="test")
    after = await _ask(desk, stream=False)
    caller = await desk.caller()
    assert await _row(desk, caller, before["request_id"]) == before
    assert (_nanos(before), _nanos(after)) == (COST, 1300 * 100_000)
    assert (before["expert_version"], after["expert_version"]) == (1, 2)
    await desk.services.catalogue.update(old, by="test")


async def test_a_strategy_lists_what_each_expert_cost(desk: Desk, vendor: Vendor) -> None:
    vendor.usage = None
    row = await _ask(desk, stream=False, model="coe-self-consistency")
    assert row["tokens_estimated"] is True
    calls = {call["expert"]: call for call in row["attempts"]}
    assert calls["vendor"]["cost_nanos"] > 0
    assert calls["vendor"]["tokens_estimated"] is True
    assert sum(call["cost_nanos"] for call in row["attempts"]) == _nanos(row)
    assert sum(call["prompt_tokens"] for call in row["attempts"]) == row["prompt_tokens"]
    assert calls["vendor"]["duration_ms"] > 0
    viewer = await desk.caller(role=Role.VIEWER)
    detail = await viewer.coe.usage.get(row["request_id"])
    assert detail.steps_left_out == 0
    asked = [step for step in detail.steps if step.expert == "vendor"]
    assert asked
    assert TEXT not in str(detail.steps)
    assert [step.number for step in detail.steps] == list(range(1, len(detail.steps) + 1))
    assert sum(round(step.cost_usd * 1e9) for step in detail.steps) == _nanos(row)
    assert sum(step.prompt_tokens for step in detail.steps) == row["prompt_tokens"]
    events = [event for event in detail.timeline if event.what in {"step", "attempt"}]
    assert [event.what for event in events] == ["step"] * len(detail.steps)
    assert all(step.duration_ms > 0 for step in asked)
    assert all(0 < event.at_ms <= detail.timeline[-1].at_ms for event in events)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_explanation_names_the_strategy_and_the_router_s_limit(
    desk: Desk, vendor: Vendor, stream: bool
) -> None:
    vendor.usage = None
    caller = await desk.caller()
    asked = {**ASKED, "model": "coe-cot", "stream": stream, "coe": {"explain": True}}
    answer = await caller.post("/v1/chat/completions", asked)
    told = json.loads(answer.text.split("data: ")[-2]) if stream else answer.json()
    decision = told["coe"]["decision"]
    assert decision["strategy"] == "cot"
    assert decision["uncertainty"] <= decision["uncertainty_limit"] == 0.85
    route = await caller.coe.route("Hello world", model="coe-cot")
    assert (route.strategy, route.uncertainty_limit) == ("cot", 0.85)


async def test_what_breaks_off_in_a_strategy_costs_what_was_read_and_written(
    desk: Desk, vendor: Vendor
) -> None:
    """As :func:`test_a_stream_that_breaks_off_costs_what_was_written` does where no strategy answers."""
    vendor.breaks_after = 2
    caller = await desk.caller()
    answer = await caller.post("/v1/chat/completions", {**ASKED, "model": "coe-cot"})
    row = await _row(desk, caller, answer.headers["x-coe-request-id"])
    viewer = await desk.caller(role=Role.VIEWER)
    detail = await viewer.coe.usage.get(row["request_id"])
    broken = [step for step in detail.steps if step.expert == "vendor"]
    assert broken
    assert all(step.status == "failed" and step.error for step in broken)
    assert all(step.prompt_tokens > 0 and step.completion_tokens > 0 for step in broken)
    assert _nanos(row) == sum(round(step.cost_usd * 1e9) for step in detail.steps) > 0


def test_records_of_before_are_still_read() -> None:
    import msgspec

    line = b'{"request_id":"r","tenant":"t","key_id":"k","api":"a","model":"m","text":"x"}'
    record = msgspec.json.decode(line, type=UsageRecord)
    assert (record.cached_tokens, record.attempts, record.text) == (0, None, "x")
