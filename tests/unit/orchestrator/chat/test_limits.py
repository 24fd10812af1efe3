"""What a caller asks of the expert that answers: read with care, and heeded by the router."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.chat.limits import NO_LIMITS, Limits, checked_limits
from orchestrator.chat.request import parse_chat
from orchestrator.chat.telling import decision_fields
from orchestrator.kit.errors import ApiError
from router import Candidate, RouteRequest, starter_router

FIELDS = ("quality_floor", "max_cost", "max_latency")


def parsed(coe: str) -> Limits:
    messages = '[{"role": "user", "content": "Hi"}]'
    body = f'{{"model": "coe", "messages": {messages}, "coe": {coe}}}'
    return parse_chat(body.encode()).limits


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["-0.1", '"0.5"', "true", "[]", "{}", "1" + "0" * 400])
def test_what_is_no_number_in_range_is_named(field: str, value: str) -> None:
    with pytest.raises(ApiError) as caught:
        parsed(f'{{"{field}": {value}}}')
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")
    assert caught.value.param == f"coe.{field}"


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        parsed('{"max_cost": 1e999}')
    assert (caught.value.status, caught.value.param) == (400, "coe")


def test_a_quality_above_one_is_refused() -> None:
    with pytest.raises(ApiError, match=r"'coe\.quality_floor' must be a number from 0 to 1"):
        parsed('{"quality_floor": 1.01}')


def test_limits_are_read_and_none_is_none() -> None:
    assert parsed('{"quality_floor": 1, "max_cost": 0.01, "max_latency": 2}') == Limits(1, 0.01, 2)
    assert parsed('{"quality_floor": null, "explain": true}') == NO_LIMITS
    assert parsed("null") == NO_LIMITS
    assert checked_limits(None) is NO_LIMITS


@given(
    st.fixed_dictionaries(
        {}, optional={field: st.none() | st.floats(0, 1) | st.integers(0, 1) for field in FIELDS}
    )
)
def test_every_limit_in_range_can_be_routed_with(extension: dict[str, Any]) -> None:
    request = checked_limits(json.loads(json.dumps(extension))).applied(RouteRequest("hi"), "r1")
    for field in FIELDS:
        assert getattr(request, field) == extension.get(field)
    assert request.request_id == "r1"


def test_a_decision_within_limits_is_plain_data() -> None:
    router = starter_router()
    pool = router.pool(
        [
            Candidate("small", active_parameters=3, price_out=0.1, latency=0.5),
            Candidate("large", active_parameters=200, price_out=40),
        ]
    )
    request = Limits(max_cost=1e-3).applied(RouteRequest("hi", policy="quality"), "r1")
    fields = decision_fields(router.decide(request, pool))
    assert json.loads(msgspec.json.encode(fields)) == json.loads(json.dumps(fields))
    assert fields["expert"] == "small"
    assert fields["candidates"][0]["latency"] == 0.5
    assert fields["candidates"][1]["excluded"] == "max_cost"
    assert sum(fields["probabilities"].values()) == pytest.approx(1.0)
