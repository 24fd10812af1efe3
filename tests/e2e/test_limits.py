"""What a caller asks of the expert that answers, from HTTP to the decision."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import question


def routed(server: Server, **coe: Any) -> tuple[int, dict[str, Any]]:
    with server.client() as client:
        answer = client.post(
            "/v1/route", json=question("coe-quality", "hello there") | {"coe": coe}
        )
        return answer.status_code, answer.json()


def test_a_quality_floor_decides(server: Server) -> None:
    status, decision = routed(server, quality_floor=0.01)
    assert status == 200
    assert decision["rule"] in {"quality_floor", "only_candidate"}
    cost = {view["id"]: view["cost"] for view in decision["candidates"] if not view["excluded"]}
    assert cost[decision["expert"]] == min(cost.values())


def test_an_answer_keeps_to_the_limits_and_says_so(server: Server) -> None:
    with server.client() as client:
        asked = question("coe", "one two three")
        limited = asked | {"coe": {"explain": True, "max_cost": 1.0, "max_latency": 60}}
        answer = client.post("/v1/chat/completions", json=limited)
    assert answer.status_code == 200
    body = answer.json()
    assert body["choices"][0]["message"]["content"] == "one two three"
    assert body["coe"]["decision"]["expert"] == answer.headers["x-coe-expert"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/route"])
def test_where_nobody_is_within_the_limit_that_is_the_answer(server: Server, path: str) -> None:
    with server.client() as client:
        asked = question("coe", "hello there") | {"coe": {"max_cost": 0}}
        answer = client.post(path, json=asked)
    if answer.status_code == 200:
        pytest.skip("an expert of this server is free")
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "no_eligible_expert"
    assert "expected to cost more than free" in error["message"]
