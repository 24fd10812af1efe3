"""One request and the run that a worker does for it are one tree of spans."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from experts import tracing
from experts.calling.call import ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Endpoint, Expert
from experts.providers.openai import OpenAIProvider
from experts.providers.scripted_server import ScriptedServer
from orchestrator.telemetry.serving import TracedRequests
from orchestrator.telemetry.tracing import OtelTracer

CANARY = "canary-of-a-prompt"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.active = OtelTracer(provider)
    yield exporter
    tracing.active = None
    provider.shutdown()


async def test_a_request_and_its_work_elsewhere_are_one_tree(spans: InMemorySpanExporter) -> None:
    carried: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        carried.update(tracing.carrier())
        await send({"type": "http.response.start", "status": 202, "headers": []})

    async def send(message: Any) -> None:
        pass

    brought = f"00-{'a' * 32}-{'b' * 16}-01"
    headers = [(b"traceparent", brought.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/runs", "headers": headers}
    await TracedRequests(app)(scope, None, send)  # type: ignore[arg-type]

    caller = ExpertCaller(ProviderRegistry({"openai": OpenAIProvider()}), lambda _: None)
    async with ScriptedServer("fixed:hello") as server:
        expert = Expert(
            id="one", provider="openai", model="m", endpoints=(Endpoint(url=server.url),)
        )
        with tracing.span("run tree", carried), tracing.span("step answer"):
            await caller.complete(expert, {"messages": [{"role": "user", "content": CANARY}]})
        await caller.aclose()
        sent = server.ledger.headers[0]["traceparent"].split("-")

    found = {span.name: span for span in spans.get_finished_spans()}
    order = ["POST /v1/runs", "run tree", "step answer", "chat m"]
    assert set(found) == set(order)
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {"a" * 32}
    for parent, child in itertools.pairwise(order):
        assert found[child].parent.span_id == found[parent].context.span_id
    call = found["chat m"]
    assert sent[1:3] == ["a" * 32, f"{call.context.span_id:016x}"]
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.usage.output_tokens"] > 0
    assert CANARY not in "".join(span.to_json() for span in found.values())


def test_without_traces_there_is_nothing() -> None:
    assert tracing.active is None
    assert tracing.carrier() == {}
    with tracing.span("route") as span:
        span.set(a=1)
        assert span.headers() == {}
