from __future__ import annotations

import timeit
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from experts import tracing
from orchestrator.telemetry.counting import Times
from orchestrator.telemetry.metrics import Metrics
from orchestrator.usage.record import UsageRecord

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def record(**fields: Any) -> UsageRecord:
    return UsageRecord(
        request_id=fields.pop("request_id", "req_1"),
        tenant="acme", key_id="key_1", api="chat.completions", model="coe", expert="large",
        status="ok", **fields,
    )  # fmt: skip


def exemplars(metrics: Metrics, name: str) -> dict[str, dict[str, str]]:
    """Return the exemplar of each bucket that has one, as a parser reads it."""

    class Ready:
        def collect(self) -> Any:
            return iter(metrics.families())

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Ready())  # type: ignore[arg-type]  # what it needs of a collector
    write, media_type = choose_encoder(OPENMETRICS)
    assert media_type.startswith("application/openmetrics-text")
    return {
        sample.labels["le"]: sample.exemplar.labels
        for family in text_string_to_metric_families(write(registry).decode())
        for sample in family.samples
        if family.name == name and sample.exemplar
    }


def test_a_bucket_names_the_last_request_in_it() -> None:
    metrics = Metrics()
    for number, milliseconds in enumerate((30.0, 40.0, 2000.0)):
        metrics.seen(record(request_id=f"req_{number}", duration_ms=milliseconds))
    assert exemplars(metrics, "coe_request_duration_seconds") == {
        "0.05": {"request_id": "req_1"},
        "2.5": {"request_id": "req_2"},
    }
    assert exemplars(metrics, "coe_first_token_seconds") == {}


def test_the_trace_is_named_where_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tracer:
        def current(self) -> dict[str, str]:
            return {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}

    monkeypatch.setattr(tracing, "active", Tracer())
    metrics = Metrics()
    # With an id as long as they are, both have to fit into OpenMetrics' 128 characters.
    long = "req_" + "f" * 32
    metrics.seen(record(request_id=long, duration_ms=30.0, first_token_ms=20.0))
    expected = {"trace_id": "a" * 32, "request_id": long}
    assert exemplars(metrics, "coe_request_duration_seconds") == {"0.05": expected}
    assert exemplars(metrics, "coe_first_token_seconds") == {"0.025": expected}
    assert sum(map(len, (*expected, *expected.values()))) <= 128


def test_an_exemplar_costs_little() -> None:
    times = Times("coe_test_seconds", "Test.", ("expert",))
    example = {"request_id": "req_1"}
    best = min(
        timeit.repeat(lambda: times.add("one", seconds=0.3, example=example), number=2000, repeat=5)
    )
    assert best / 2000 < 15e-6
