"""One request as a timeline, and its money by part."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from experts.catalogue.expert import Price, PriceTier
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from orchestrator.overview.money import money_of
from orchestrator.overview.timeline import timeline

ROW: dict[str, Any] = {
    "status": "ok",
    "error_code": None,
    "category": "code",
    "expert": "ada",
    "expert_version": 2,
    "decision": {"category": "code", "expert": "ada", "rule": "category", "uncertainty": 0.1},
    "attempts": None,
    "guardrails": None,
    "cache": None,
    "saved_tokens": None,
    "saved_nanos": None,
    "streamed": True,
    "prompt_tokens": 10,
    "cached_tokens": 0,
    "cache_write_tokens": 0,
    "completion_tokens": 20,
    "reasoning_tokens": 0,
    "cost_nanos": 5_000,
    "duration_ms": 100.0,
    "first_token_ms": 40.0,
    "timing": {
        "stages": {"read": 1.0, "route": 2.0, "limits": 3.0, "expert": 37.0},
        "call": {"endpoint": "http://127.0.0.1:9/v1", "began_ms": 0.5, "duration_ms": 90.0},
    },
}


def told(**fields: Any) -> list[tuple[str, float, float, str | None]]:
    return [
        (one.what, one.at_ms, one.duration_ms, one.outcome) for one in timeline({**ROW, **fields})
    ]


def test_a_plain_request() -> None:
    assert told() == [
        ("decided", 1.0, 2.0, "category"),
        ("attempt", 6.5, 90.0, "ok"),
        ("first_token", 43.0, 0.0, None),
        ("end", 103.0, 0.0, "ok"),
    ]
    call = timeline(ROW)[1]
    assert call.detail["endpoint"] == "http://127.0.0.1:9/v1"
    assert call.detail["cost_usd"] == 5e-6


def test_a_fallback_after_a_miss_with_guardrails() -> None:
    calls = [
        {"expert": "bo", "outcome": "failed", "error": "timeout", "began_ms": 0, "duration_ms": 20},
        {"expert": "ada", "outcome": "ok", "began_ms": 21, "duration_ms": 70},
    ]
    notes = [
        {"guardrail": "words", "stage": "request", "outcome": "flagged"},
        {"guardrail": "pii", "stage": "answer", "outcome": "passed"},
    ]
    timing = {"stages": {"read": 1.0, "guardrails": 4.0, "route": 2.0, "cache": 3.0, "limits": 1.0}}
    assert told(attempts=calls, cache="miss", guardrails=notes, timing=timing) == [
        ("guardrail", 1.0, 4.0, "flagged"),
        ("decided", 5.0, 2.0, "category"),
        ("cache", 7.0, 3.0, "miss"),
        ("attempt", 11.0, 20.0, "failed"),
        ("attempt", 32.0, 70.0, "ok"),
        ("first_token", 50.0, 0.0, None),
        ("guardrail", 105.0, 0.0, "passed"),
        ("end", 110.0, 0.0, "ok"),
    ]


def test_records_of_older_releases_begin_with_the_call() -> None:
    assert told(timing=None, streamed=False) == [
        ("decided", 0.0, 0.0, "category"),
        ("attempt", 0.0, 100.0, "ok"),
        ("end", 100.0, 0.0, "ok"),
    ]


def test_a_kept_answer_takes_no_call() -> None:
    assert [one[0] for one in told(attempts=[], cache="hit", decision=None, timing=None)] == [
        "cache",
        "first_token",
        "end",
    ]


def test_who_was_killed_called_nobody_that_is_known() -> None:
    row = {**ROW, "status": "interrupted", "timing": None, "first_token_ms": None, "duration_ms": 0}
    assert [one.what for one in timeline(row)] == ["decided", "end"]


TOKENS = st.integers(0, 10**6)


@settings(max_examples=30)
@given(TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, st.floats(0, 100), st.floats(0, 100))
def test_parts_make_the_whole(
    read: int, cached: int, put: int, written: int, thought: int, input_: float, output: float
) -> None:
    tier = PriceTier(above=500_000, input=2 * input_, output=2 * output)
    price = Price(input=input_, output=output, cached_input=input_ / 4, tiers=(tier,))
    call = {
        "expert": "ada",
        "version": 1,
        "prompt_tokens": read + cached + put,
        "cached_tokens": cached,
        "cache_write_tokens": put,
        "completion_tokens": written + thought,
        "reasoning_tokens": thought,
    }
    usage = Usage(read + cached + put, written + thought, cached, thought, put)
    cost = cost_in_nanos(usage, price)
    money = money_of([call], {("ada", 1): price}, cost)
    assert money.exact
    assert money.total_usd == cost / 1e9
    parts = money.model_dump(exclude={"total_usd", "exact"}).values()
    assert abs(sum(parts) - money.total_usd) < 1e-9 + 1e-12 * money.total_usd


def test_parts_without_a_price_are_not_exact() -> None:
    money = money_of([{"expert": "ada", "version": 1, "cost_nanos": 5}], {}, 5)
    assert (money.exact, money.input_usd, money.total_usd) == (False, 0.0, 5e-9)
