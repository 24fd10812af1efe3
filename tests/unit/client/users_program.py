"""What somebody who uses the client might write. It is checked with ``mypy --strict``, and not run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import httpx

from coe_client import (
    AsyncChatStream,
    AsyncCoe,
    AsyncMessageStream,
    ChatStream,
    Coe,
    CoeError,
    MessageStream,
    NotFoundError,
    RawResponse,
    ResponseStream,
    Timeouts,
)
from coe_client.types import (
    Batch,
    BatchResult,
    ChatCompletion,
    Expert,
    ExpertRecord,
    Explanation,
    File,
    MessageAnswer,
    Price,
    RequestDetail,
    Response,
    RouteInfo,
    Run,
    RunEvent,
    UsageRecord,
    WebhookEvent,
)
from coe_client.webhooks import unwrap


def ask(client: Coe, streamed: bool) -> None:
    answer = client.chat.create("Hello", temperature=0, coe={"max_cost": 0.1})
    assert_type(answer, ChatCompletion)
    assert_type(answer.text, str)
    assert_type(answer.route, RouteInfo)
    assert_type(answer.coe, Explanation | None)
    with client.chat.create("Hello", stream=True) as stream:
        assert_type(stream, ChatStream)
        for chunk in stream:
            assert_type(chunk.text, str)
    assert_type(client.chat.create("Hello", stream=streamed), ChatCompletion | ChatStream)
    assert_type(client.responses.create("Hello"), Response)
    assert_type(client.responses.create("Hello", stream=True), ResponseStream)
    assert_type(client.messages.create("Hello", max_tokens=9), MessageAnswer)
    assert_type(client.messages.create("Hello", max_tokens=9, stream=True), MessageStream)
    client.chat.create("Hello", temperatur=0)  # type: ignore[call-overload]
    client.chat.create("Hello", coe={"max_costs": 1})  # type: ignore[call-overload]


def manage(client: Coe) -> None:
    expert = Expert(id="ada", provider="openai", price=Price(input=1.0))
    raw = client.with_raw_response(client.experts.create)(expert)
    assert_type(raw, RawResponse[ExpertRecord])
    assert_type(raw.parse().version, int)
    client.with_raw_response(client.experts.create)(7)  # type: ignore[arg-type]
    for record in client.usage.list(status="ok"):
        assert_type(record, UsageRecord)
        assert_type(client.usage.get(record.request_id), RequestDetail)
    report = client.usage.report(["day"], start="2026-01-01", expert="ada")
    assert_type(report.totals.cost_usd, float)
    client.tenants.put("acme", experts=None)
    client.tenants.put("acme", suspended="yes")  # type: ignore[arg-type]


def work(client: Coe) -> None:
    def told(done: int, total: int) -> None:
        assert_type(done + total, int)

    def told_of(now: Batch) -> None:
        assert_type(now.status, str)

    assert_type(client.files.upload(Path("in.jsonl"), progress=told), File)
    batch = client.batches.submit({"a": {"model": "coe"}})
    assert_type(client.batches.wait(batch.id, progress=told_of), Batch)
    for result in client.batches.results(batch.id):
        assert_type(result, BatchResult)
    run = client.runs.start("What is 17 * 23?", limits={"usd": 0.2})
    assert_type(run, Run)
    for event in client.runs.events(run.id):
        assert_type(event, RunEvent)


def receive(body: bytes, headers: dict[str, str]) -> str:
    event = unwrap(body, headers, secret="whsec_AAAA")
    assert_type(event, WebhookEvent)
    return event.run.status


async def concurrently() -> None:
    async with AsyncCoe(timeout=Timeouts(total=60), http_client=httpx.AsyncClient()) as client:
        assert_type(await client.chat.create("Hello"), ChatCompletion)
        async with await client.chat.create("Hello", stream=True) as stream:
            assert_type(stream, AsyncChatStream)
            async for chunk in stream:
                assert_type(chunk.text, str)
        messages = await client.messages.create("Hello", max_tokens=9, stream=True)
        assert_type(messages, AsyncMessageStream)
        raw = await client.with_raw_response(client.experts.get)("ada")
        assert_type(raw, RawResponse[ExpertRecord])
        async for run_event in client.runs.events("run_1"):
            assert_type(run_event, RunEvent)
        async for record in client.experts.list(page_size=10):
            assert_type(record, ExpertRecord)


def main() -> None:
    with Coe(headers={"x-team": "a"}) as client:
        try:
            ask(client, streamed=False)
            manage(client)
            work(client)
        except NotFoundError as error:
            assert_type(error.param, str | None)
        except CoeError as error:
            assert_type(error.request_id, str | None)
