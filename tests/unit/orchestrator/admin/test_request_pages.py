"""The log of requests, and why each went where it went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client.types import (
    RequestContent,
    RequestDetail,
    RequestEvent,
    RequestStep,
    RoutingDecision,
)
from orchestrator.admin.pages.requests.doing import playground
from orchestrator.admin.pages.requests.elsewhere import mapped
from orchestrator.admin.pages.requests.money import split
from orchestrator.admin.pages.requests.said import conversation
from orchestrator.admin.pages.requests.search import asked
from orchestrator.admin.pages.requests.steps import ROLES, tree
from orchestrator.admin.pages.requests.story import story
from orchestrator.admin.pages.requests.waterfall import place, waterfall
from orchestrator.admin.parts.decision import candidates, doubt, kinds
from orchestrator.admin.parts.decision_words import EXCLUDED, RULES, sentences
from orchestrator.admin.parts.sources import Query
from orchestrator.conductor.values import StepKind
from router.decision import Exclusion, Rule


def decision(**more: Any) -> RoutingDecision:
    given = {
        "category": "math",
        "probabilities": {"math": 0.95, "law": 0.04, "general": 0.01},
        "uncertainty": 0.1,
        "expert": "small",
        "ranked": ["small", "large"],
        "candidates": [
            {"id": "small", "quality": 0.8, "cost": 0.001},
            {"id": "large", "quality": 0.9, "cost": 0.01},
            {"id": "cheap", "quality": 0.5, "cost": 0.0},
            {"id": "away", "quality": 0.7, "cost": 0.001, "excluded": "unhealthy"},
        ],
        "policy": "balanced",
        "rule": "category",
        **more,
    }
    return RoutingDecision.model_validate(given)


def detail(**more: Any) -> RequestDetail:
    given = {
        "request_id": "req_1",
        "status": "ok",
        "model": "coe",
        "expert": "small",
        "duration_ms": 1200.0,
        "cost_usd": 0.002,
        "decision": decision(),
        **more,
    }
    return RequestDetail.model_validate(given)


def attempt(expert: str, outcome: str, error: str | None = None) -> dict[str, Any]:
    return {
        "what": "attempt",
        "label": f"Expert '{expert}'",
        "outcome": outcome,
        "detail": {"expert": expert, "error": error},
    }


FAILED = attempt("small", "failed", "timeout")
ANSWERED = attempt("large", "ok")
SKIPPED = attempt("small", "skipped")


def test_a_story_says_what_it_was_taken_for_who_was_picked_and_what_else_there_was() -> None:
    told = " ".join(story(detail()))
    assert told.startswith(
        "Recognised as math (95 % sure). Under the policy balanced, math goes to small"
    )
    assert "expected quality 80 %, $0.0010" in told
    assert "large is expected to be better (90 %), but costs 10 times as much ($0.010)" in told
    assert "cheap would be cheaper (free), with an expected quality of 50 %" in told
    assert "Left out: away (down at that moment)." in told
    assert told.endswith("Answered in 1.2 s, for $0.0020.")


def test_a_doubtful_request_is_not_called_recognised() -> None:
    unsure = decision(category="general", rule="uncertain", uncertainty=0.93)
    told = " ".join(sentences(unsure))
    assert "Unlike what the router knows, if nearest to math. So it was taken as general." in told
    torn = decision(
        category="general",
        rule="uncertain",
        probabilities={"math": 0.4, "coding": 0.35, "law": 0.25},
    )
    told = " ".join(sentences(torn))
    assert "Not clearly of one kind: most like math, and only 40 % sure" in told
    assert "Over the router" in doubt(unsure)
    assert "Not over the router" in doubt(decision())
    marked = doubt(decision(uncertainty=0.25, uncertainty_limit=0.85))
    assert "limit of 0.85" in marked
    assert "left:85.0%" in marked
    assert "Doubt: 25 %, limit 85 %" in marked


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"decision": None, "model": "small"}, "named the expert small"),
        ({"cache": "hit", "saved_usd": 1.5}, "no expert was asked. That saved $1.50."),
        ({"status": "failed", "error_code": "expert_failed"}, "It failed after 1.2 s (expert_failed)."),
        ({"status": "blocked"}, "A guardrail blocked it"),
        ({"decision": decision(strategy="panel")}, "The strategy panel answered"),
        ({"timeline": [FAILED, ANSWERED]}, "small failed (timeout), so large answered."),
        ({"timeline": [SKIPPED]}, "small was passed over, since it was down, and nobody else could answer."),
    ],
)  # fmt: skip
def test_a_story_says_what_became_of_it(more: dict[str, Any], told: str) -> None:
    assert told in " ".join(story(detail(**more)))


def test_every_rule_and_exclusion_of_the_router_has_words() -> None:
    assert set(RULES) == set(Rule.__args__)  # type: ignore[attr-defined]
    assert set(EXCLUDED) == set(Exclusion.__args__)  # type: ignore[attr-defined]


def test_a_decision_is_drawn_with_what_it_weighed() -> None:
    assert "95.0 %" in kinds(decision())
    assert "One other kind has 1.0 %" in kinds(decision(), 2)
    for compact in (False, True):
        drawn = candidates(decision(), "large", compact=compact)
        assert drawn.count(">picked<") == drawn.count(">answered<") == 1
        assert "down at that moment" in drawn


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_a_bar_never_leaves_its_track(at: float, length: float, whole: float) -> None:
    left, width = place(RequestEvent(what="attempt", at_ms=at, duration_ms=length), whole)
    assert 0 <= left <= 100
    assert width > 0
    assert left + width <= 100.02


def test_a_waterfall_names_what_happened_and_escapes_it() -> None:
    drawn = waterfall([RequestEvent(what="attempt", label="<b>", outcome="failed", duration_ms=5)])
    assert "&lt;b&gt;" in drawn
    assert "took 5.0 ms" in drawn
    assert "Nothing was noted" in waterfall([])


def test_every_token_is_in_one_part() -> None:
    record = detail(
        prompt_tokens=100,
        cached_tokens=60,
        cache_write_tokens=10,
        completion_tokens=50,
        reasoning_tokens=20,
    )
    assert [tokens for _, tokens, _ in split(record)] == [30, 60, 10, 30, 20]


def test_other_policies_are_told_by_category() -> None:
    picks = mapped(decision(), {"quality": {"math": "large"}, "balanced": {}}, "balanced")
    assert [(one.expert, one.quality, one.was_used) for one in picks] == [
        ("large", "90 %", False),
        (None, "–", True),
    ]


def test_what_was_said_leads_to_the_playground() -> None:
    said = RequestContent(
        request_id="req_1",
        messages=[
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "2 + 2 & <b>?"}]},
        ],
    )
    query = parse_qs(urlsplit(playground(detail(), said)).query)
    assert query == {"model": ["coe"], "prompt": ["2 + 2 & <b>?"], "system": ["Be short."]}
    assert playground(detail(), None) == "/admin/playground?model=coe"
    drawn = conversation(detail(), said)
    assert "2 + 2 &amp; &lt;b&gt;?" in drawn
    assert "The answer is not stored" in drawn
    assert "not stored" in conversation(detail(tenant="acme"), None)


def test_a_search_is_asked_as_the_api_wants_it() -> None:
    chosen = Query(
        "req_01a2",
        {"status": "failed", "cost": "0.01", "took": "1000", "range": "1h"},
        "cost",
        descending=True,
    )
    found = asked(chosen, {"model": "coe"}, UTC)
    assert found.only == {
        "id": "req_01a2",
        "status": "failed",
        "model": "coe",
        "min_cost_usd": 0.01,
        "min_duration_ms": 1000.0,
        "sort": "-cost",
    }
    assert found.until is None
    assert found.since is not None
    assert abs(datetime.now(UTC) - found.since - timedelta(hours=1)) < timedelta(minutes=1)
    text = asked(Query("my chat"), {}, UTC)
    assert (text.only, text.since) == ({"session": "my chat", "sort": "time"}, None)
    custom = {"since": "2026-01-01T00:00", "until": "2026-01-02T00:00"}
    between = asked(Query("", {"range": "custom"}), custom, UTC)
    assert (between.since, between.until) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_steps_of_a_strategy_are_a_tree_with_who_when_and_what_it_cost() -> None:
    given = [
        {"number": 1, "kind": "plan", "title": "Round 1", "status": "ok", "expert": "lead",
         "prompt_tokens": 90, "completion_tokens": 10, "cost_usd": 0.002, "duration_ms": 1500.0},
        {"number": 2, "kind": "strategy", "title": "strategy:cot", "status": "ok", "at_ms": 1500.0},
        {"number": 3, "kind": "expert", "status": "failed", "expert": "<b>", "parent": 2,
         "error": "expert_timeout", "tokens_estimated": True, "prompt_tokens": 5},
        {"number": 4, "kind": "vote", "status": "ok", "reused_from": 1, "parent": 9},
    ]  # fmt: skip
    drawn = tree([RequestStep.model_validate(one) for one in given], 3)
    outer, inner = drawn.split("<ol", 2)[1:]
    assert "1. Round 1" in outer
    assert "90 tokens in, 10 out" in outer
    assert "$0.0020" in outer
    assert "took 1.5 s" in outer
    assert "Plans what is done next" in outer
    assert "3. Answers" in inner
    assert "about 5 tokens in" in inner
    assert "expert_timeout" in inner
    assert "&lt;b&gt;" in inner
    assert "as step 1, for nothing" in inner.split("</ol>")[1]
    assert "3 more are not on record." in drawn


def test_every_kind_of_step_has_words() -> None:
    assert set(ROLES) == set(get_args(StepKind))
