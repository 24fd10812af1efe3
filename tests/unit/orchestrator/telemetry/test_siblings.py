"""Metrics of several processes as one page."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import exposition, parser

from orchestrator.telemetry.counting import Counts, Times
from orchestrator.telemetry.siblings import joined, packed


def _of(requests: int, seconds: float) -> bytes:
    counts = Counts("coe_requests", "Requests.", ("expert",))
    times = Times("coe_request_duration_seconds", "Time.", ("streamed",))
    for _ in range(requests):
        counts.add("a", amount=1)
        times.add("true", seconds=seconds, example={"request_id": f"req_{requests}"})
    return packed([counts.family(), times.family()])


class _Ready:
    def __init__(self, families: list[object]) -> None:
        self.families = families

    def collect(self) -> list[object]:
        return self.families


def test_each_series_has_the_number_of_its_process_and_sums_are_right() -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(joined({1: _of(2, 0.3), 2: _of(3, 0.7), 3: None})))  # type: ignore[arg-type]
    text = exposition.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    read = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    families = {one.name: one for one in read}
    requests = {s.labels["worker"]: s.value for s in families["coe_requests"].samples}
    assert requests == {"1": 2.0, "2": 3.0}
    up = {s.labels["worker"]: s.value for s in families["coe_worker_up"].samples}
    assert up == {"1": 1.0, "2": 1.0, "3": 0.0}
    times = families["coe_request_duration_seconds"].samples
    sums = {s.labels["worker"]: round(s.value, 6) for s in times if s.name.endswith("_sum")}
    assert sums == {"1": 0.6, "2": 2.1}
    examples = {s.labels["worker"]: s.exemplar.labels for s in times if s.exemplar is not None}
    assert examples == {"1": {"request_id": "req_2"}, "2": {"request_id": "req_3"}}
