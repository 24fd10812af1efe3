"""What Prometheus reads: counts of requests, calls, tokens and money, and who may see them."""

from __future__ import annotations

import httpx
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Server
from tests.e2e.support import make_key, question, row_of

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(server: Server) -> Samples:
    with server.client() as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    place = name, frozenset(labels.items())
    return round(after.get(place, 0.0) - before.get(place, 0.0), 9)


def test_requests_calls_tokens_and_money_are_counted(server: Server) -> None:
    before = samples(server)
    with server.client() as client:
        assert client.post("/v1/chat/completions", json=question("generalist")).is_success
        routed = client.post("/v1/chat/completions", json=question("coe-economy"))
        assert client.post("/v1/chat/completions", json=question("failing")).status_code == 502
        streamed = client.post("/v1/chat/completions", json={**question("coder"), "stream": True})
    usage = row_of(server, streamed.headers["x-coe-request-id"])
    after = samples(server)
    asked = {"status": "ok", "api": "chat.completions"}
    assert grown(before, after, "coe_requests_total", expert="generalist", **asked) >= 1
    assert grown(before, after, "coe_requests_total", expert="coder", **asked) >= 1
    failed = {"expert": "failing", "status": "failed", "api": "chat.completions"}
    assert grown(before, after, "coe_requests_total", **failed) == 1
    code = "expert_failed"
    assert grown(before, after, "coe_request_errors_total", code=code) == 1
    # It is asked once more before it is given up.
    assert grown(before, after, "coe_expert_calls_total", expert="failing", outcome=code) == 2
    category = routed.headers["x-coe-category"]
    assert (
        grown(before, after, "coe_routed_requests_total", category=category, policy="economy") == 1
    )
    assert grown(before, after, "coe_cost_usd_total", expert="coder") >= usage["cost_usd"] > 0
    tokens = {"expert": "coder", "kind": "completion"}
    assert grown(before, after, "coe_tokens_total", **tokens) >= usage["completion_tokens"] > 0
    assert grown(before, after, "coe_first_token_seconds_count", expert="coder") == 1
    assert grown(before, after, "coe_request_duration_seconds_count", streamed="true") == 1
    assert after["coe_redis_up", frozenset()] == 1
    place = frozenset({("expert", "failing"), ("endpoint", "")})
    assert any(name == "coe_endpoint_calls" and place & labels for name, labels in after)


def test_they_are_a_viewers_to_see(server: Server) -> None:
    assert httpx.get(f"{server.url}/metrics").status_code == 401
    for role, status in (("user", 403), ("viewer", 200)):
        headers = {"authorization": f"Bearer {make_key(server, role=role)['key']}"}
        assert httpx.get(f"{server.url}/metrics", headers=headers).status_code == status


def test_openmetrics_has_exemplars(server: Server) -> None:
    with server.client() as client:
        asked = client.post("/v1/chat/completions", json=question("generalist"))
        accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        answer = client.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    named = {
        sample.exemplar.labels["request_id"]
        for family in openmetrics.text_string_to_metric_families(answer.text)
        for sample in family.samples
        if family.name == "coe_request_duration_seconds" and sample.exemplar
    }
    assert asked.headers["x-coe-request-id"] in named
