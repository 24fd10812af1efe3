"""Figures out of sums: shares, savings, changes, breakdowns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from experts.catalogue.expert import Expert, Price
from orchestrator.overview.baseline import Baseline, best_single
from orchestrator.overview.experts import health_of
from orchestrator.overview.figures import EMPTY, NOTHING, Found, breakdown, change, figures
from orchestrator.overview.schemas import Figures
from router import Candidate, Category, HashingEmbedder, Taxonomy, build_router

DEAR = Expert(id="dear", provider="scripted", model="m", price=Price(input=1.0, output=10.0))
BASELINE = Baseline(DEAR, 0.9)


def found(named: dict[str, Any] | None = None, **sums: Any) -> Found:
    return Found({**NOTHING, **sums}, {**NOTHING, **(named or {})})


def shown(found: Found) -> Figures:
    return Figures(**figures(found, BASELINE))


def test_saved_is_what_the_best_would_have_cost_less_the_cost() -> None:
    one = shown(found(prompt_tokens=1_000_000, completion_tokens=100_000, cost_nanos=500_000_000))
    assert (one.baseline_usd, one.cost_usd, one.saved_usd) == (2.0, 0.5, 1.5)
    assert one.saved_share == 0.75


def test_requests_that_named_their_expert_save_nothing() -> None:
    named = {"prompt_tokens": 1_000_000, "cost_nanos": 300_000_000}
    one = shown(found(named, prompt_tokens=3_000_000, cost_nanos=500_000_000))
    assert one.cost_usd == 0.5
    assert one.baseline_usd == 2.0
    assert one.saved_usd == pytest.approx(1.8)


def test_without_a_best_expert_nothing_is_said_of_savings() -> None:
    one = Figures(**figures(found(prompt_tokens=7), None))
    assert (one.baseline_usd, one.saved_usd, one.saved_share) == (None, None, None)


def test_shares_of_nothing_are_not_told() -> None:
    one = shown(EMPTY)
    assert (one.error_share, one.cache_hit_share, one.latency_ms.p50) == (None, None, None)


def test_errors_and_the_cache_are_shares() -> None:
    one = shown(
        found(requests=10, failed=1, interrupted=1, cancelled=3, cache_hits=1, cache_misses=3)
    )
    assert (one.error_share, one.cache_hit_share) == (0.2, 0.25)


def test_changes_are_fractions_and_of_shares_differences() -> None:
    now = shown(found(requests=30, failed=3, cost_nanos=10**9))
    before = shown(found(requests=20, failed=1, cost_nanos=2 * 10**9))
    told = change(now, before)
    assert (told.requests, told.cost_usd) == (0.5, -0.5)
    assert told.error_share == pytest.approx(0.05)
    assert (told.tokens, told.cache_hit_share) == (None, None)


def test_a_breakdown_has_twenty_groups_and_the_others_together() -> None:
    groups = {f"e{n:02}": found(requests=n, cost_nanos=n, latency="3") for n in range(25)}
    total = found(requests=300, cost_nanos=300)
    told = breakdown(groups, total, None, lambda id_: id_.upper())
    assert [one.id for one in told.data[:2]] == ["e24", "e23"]
    assert (len(told.data), told.others_count, told.data[0].name) == (20, 5, "E24")
    assert told.data[0].requests_share == 24 / 300
    assert told.others is not None
    assert (told.others.requests, told.others.latency_ms.count) == (10, 15)


def test_the_best_single_expert_is_best_on_average_over_what_was_asked() -> None:
    categories = [Category(name, name, f"About {name}.") for name in ("general", "code", "law")]
    router = build_router(Taxonomy(tuple(categories)), HashingEmbedder(), name="test")
    candidates = [
        Candidate("coder", tags=frozenset({"code"}), active_parameters=7, price_in=1, price_out=1),
        Candidate("lawyer", tags=frozenset({"law"}), active_parameters=7, price_in=1, price_out=1),
        Candidate("off", active_parameters=900, available=False),
        Candidate("picky", active_parameters=900, accepts=frozenset({"executable"})),
    ]
    experts = {one.id: Expert(id=one.id, provider="scripted", model="m") for one in candidates}
    pool = router.pool(candidates)
    for category, best in (("code", "coder"), ("law", "lawyer")):
        chosen = best_single(pool, experts, {category: 10, "": 99})
        assert chosen is not None
        assert chosen.expert.id == best
        place = pool.category_ids.index(category)
        assert chosen.quality == pytest.approx(np.max(pool.scores[place, :2]))
    assert best_single(pool, {}, {}) is None
    assert best_single(router.pool([]), experts, {}) is None


@pytest.mark.parametrize(
    ("breakers", "hour", "day", "health", "problem"),
    [
        (["closed"], {}, {"calls": 1}, "ok", None),
        (["closed"], {}, {}, "unused", None),
        (["open"], {}, {}, "down", "No endpoint takes calls (timeout)."),
        (["open", "closed"], {}, {}, "degraded", "1 of 2 endpoints take no calls (timeout)."),
        (["closed"], {"calls": 20, "failed_calls": 2}, {}, "degraded",
         "2 of 20 calls failed in the last hour."),
        (["closed"], {"calls": 19, "failed_calls": 19}, {"calls": 19}, "ok", None),
    ],
)  # fmt: skip
def test_health(
    breakers: list[str],
    hour: dict[str, int],
    day: dict[str, int],
    health: str,
    problem: str | None,
) -> None:
    reasons = ["timeout" for state in breakers if state != "closed"]
    told = health_of(DEAR, breakers, reasons, {**NOTHING, **hour}, {**NOTHING, **day})
    assert told == (health, problem)
    off = DEAR.model_copy(update={"enabled": False})
    assert health_of(off, breakers, reasons, NOTHING, NOTHING) == ("disabled", None)
