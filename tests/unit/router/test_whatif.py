"""What budgets would come to, against doing it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router import Budget, Candidate, HashingEmbedder, Router, build_router
from router.artifact import Artifact
from router.assembly import router_of
from router.pool import CandidatePool
from router.taxonomy import Category, Taxonomy
from router.whatif import known, present, solved, swept
from tests.unit.router.learning.conftest import EMBEDDER, learned

__all__ = ["learned"]

EXPERTS = (
    Candidate("small", price_in=0.1, price_out=0.1, active_parameters=3.0),
    Candidate("middle", price_in=1.0, price_out=1.0, active_parameters=30.0, latency=2.0),
    Candidate("large", price_in=10.0, price_out=10.0, active_parameters=300.0, latency=4.0),
    Candidate("lawyer", frozenset({"law"}), price_in=2.0, price_out=2.0, active_parameters=30.0),
)


@pytest.fixture(scope="module")
def router() -> Router:
    ids = ("math", "law", "poetry", "general")
    taxonomy = Taxonomy(tuple(Category(id_, id_, f"About {id_}.") for id_ in ids))
    return build_router(taxonomy, HashingEmbedder(32), name="test")


@pytest.fixture(scope="module")
def pool(router: Router) -> CandidatePool:
    return router.pool(EXPERTS)


def test_the_present_mapping_and_what_it_comes_to(router: Router, pool: CandidatePool) -> None:
    found = present(router, pool, "quality")
    assert found is not None
    assert {c: p.expert for c, p in found.places.items()} == pool.mapping("quality")
    assert found.totals.expected_cost_usd == pytest.approx(900 * 10.0 / 1e6)
    quality = sum(place.quality for place in found.places.values()) / 4
    assert found.totals.expected_quality == pytest.approx(quality)
    assert (found.totals.experts, found.totals.resident_parameters) == (1, 300.0)
    assert found.totals.latency_s == pytest.approx(4.0)
    assert {place.source for place in found.places.values()} == {"prior"}
    assert [found.totals.of(n) for n in ("money_usd", "max_experts", "active_parameters")] == [
        pytest.approx(0.009),
        1.0,
        300.0,
    ]
    with pytest.raises(KeyError):
        present(router, pool, "no-such")


def test_latency_is_not_made_up(router: Router) -> None:
    pool = router.pool([EXPERTS[0]])
    found = present(router, pool, "quality")
    assert found is not None
    assert found.totals.latency_s is None


def test_half_the_budget_is_what_a_version_with_it_would_do(
    router: Router, pool: CandidatePool
) -> None:
    before = present(router, pool, "quality")
    assert before is not None
    policy = router.policies["quality"].within(
        Budget(money_usd=before.totals.expected_cost_usd / 2)
    )
    found = solved(router, pool, policy)
    assert found is not None
    assert found.infeasible is None
    assert found.totals.expected_cost_usd <= before.totals.expected_cost_usd / 2
    assert found.totals.expected_quality < before.totals.expected_quality
    other = replace(router, policies={"quality": policy}).pool(EXPERTS)
    assert {c: p.expert for c, p in found.places.items()} == other.mapping("quality")


def test_a_budget_nobody_keeps_is_solved_at_the_nearest(
    router: Router, pool: CandidatePool
) -> None:
    found = solved(router, pool, router.policies["quality"].within(Budget(money_usd=1e-6)))
    assert found is not None
    assert found.infeasible is not None
    assert found.infeasible.nearest == pytest.approx(9e-5)
    assert {place.expert for place in found.places.values()} == {"small"}


@pytest.mark.parametrize("limit", ["money_usd", "active_parameters", "max_experts"])
def test_points_of_a_frontier_are_what_solving_there_finds(
    router: Router, pool: CandidatePool, limit: str
) -> None:
    policy = router.policies["quality"]
    points = swept(router, pool, policy, limit)
    spent = [each.totals.of(limit) for each in points]
    assert spent == sorted(spent)
    quality = [each.totals.expected_quality for each in points]
    assert quality == sorted(quality)
    best = present(router, pool, "quality")
    assert best is not None
    assert points[-1].places == best.places
    for each, used in zip(points, spent, strict=True):
        budget = Budget().limited({limit: used * (1 + 1e-9)})
        again = solved(router, pool, policy.within(budget))
        assert again is not None
        assert again.totals.expected_quality == pytest.approx(
            each.totals.expected_quality, abs=2e-3
        )


def test_other_limits_stay_while_one_is_swept(router: Router, pool: CandidatePool) -> None:
    policy = router.policies["quality"].within(Budget(money_usd=1.0, active_parameters=30.0))
    points = swept(router, pool, policy, "money_usd")
    assert points
    assert all(each.totals.active_parameters <= 30.0 * (1 + 1e-9) for each in points)


def test_without_experts_there_is_nothing(router: Router) -> None:
    pool = router.pool([])
    policy = router.policies["quality"]
    assert present(router, pool, "quality") is None
    assert solved(router, pool, policy) is None
    assert swept(router, pool, policy, "money_usd") == []


def test_what_was_measured_has_errors_and_numbers(learned: Artifact) -> None:
    router = router_of(learned, EMBEDDER)
    pool = router.pool([Candidate("large"), Candidate("stranger")])
    found = known(router, pool)
    assert found.measured.tolist() == [True, False]
    row = router.taxonomy.ids.index("law")
    assert router.quality is not None
    assert (
        found.quality[row, 0]
        == router.quality.category_scores.mean[row, list(router.quality.experts).index("large")]
    )
    assert found.observations[row, 0] > 60
    assert 0 < found.error[row, 0] < 0.1
    assert np.isnan(found.error[row, 1])
    assert found.observations[row, 1] == 0
    mapped = present(router, pool, "quality")
    assert mapped is not None
    sources = {place.expert: place.source for place in mapped.places.values()}
    assert sources.get("large", "measured") == "measured"
    assert sources.get("stranger", "prior") == "prior"
