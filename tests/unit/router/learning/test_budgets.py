"""Policies that keep to what they may use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from router import routing_text
from router.artifact import Artifact, pack, unpack
from router.assembly import router_of
from router.data import DatasetInvalid
from router.learning import Plan, learn
from router.learning.planning import general_expert, planned
from router.mapping import Budget, InfeasibleBudget
from router.quality import fit_scores
from tests.unit.router.learning.conftest import EMBEDDER, PRICES, make_data


def _chosen(artifact: Artifact, policy: str) -> list[str]:
    """Return whom a policy chooses for prompts not learned from."""
    router = router_of(unpack(pack(artifact)), EMBEDDER)
    pool = router.pool([price.candidate(expert) for expert, price in PRICES])
    prompts = make_data(150, seed=4).prompts
    return [router.decide(routing_text(p).request(policy), pool).expert for p in prompts]


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    budgets = (
        ("small", 30.0),
        ("cheap", Budget(money_usd=0.004)),
        ("quick", Budget(latency_s=1.5)),
        ("alone", Budget(max_experts=1)),
        ("fits", Budget(resident_parameters=20.0)),
        ("both", Budget(active_parameters=35.0, money_usd=0.0045)),
    )
    return learn(make_data(), EMBEDDER, Plan(budgets=budgets, prices=PRICES))


@pytest.mark.parametrize(
    ("policy", "what", "limit"),
    [
        ("small", "active_parameters", 30.0),
        ("cheap", "usd", 0.004),
        ("quick", "latency", 1.5),
        ("both", "active_parameters", 35.0),
        ("both", "usd", 0.0045),
    ],
)
def test_averages_are_kept(artifact: Artifact, policy: str, what: str, limit: float) -> None:
    prices: dict[str, Any] = dict(PRICES)
    costs = {e: p.money(20) if what == "usd" else getattr(p, what) for e, p in prices.items()}
    chosen = _chosen(artifact, policy)
    assert np.mean([costs[expert] for expert in chosen]) <= limit * 1.1
    assert len(set(chosen)) > 1


def test_limits_on_the_whole_are_kept(artifact: Artifact) -> None:
    assert len(set(_chosen(artifact, "alone"))) == 1
    assert set(_chosen(artifact, "fits")) == {"lawyer", "cook"}
    policies = {entry["name"]: entry for entry in artifact.manifest["policies"]}
    assert policies["fits"]["mapping"]["law"] == "lawyer"
    assert policies["fits"]["budget"] == {"resident_parameters": 20.0}
    assert artifact.manifest["prices"]["large"]["total_parameters"] == 140.0
    assert artifact.manifest["active_parameters"] == {"cook": 4.0, "large": 70.0, "lawyer": 8.0}


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (Budget(active_parameters=1.0), "active_parameters is limited to 1, but at least 4"),
        (Budget(money_usd=1e-6), "money_usd is limited to 1e-06, but at least"),
        (Budget(latency_s=0.1), "latency_s is limited to 0.1, but at least 0.5"),
        (Budget(resident_parameters=1.0), "resident_parameters is limited to 1, but at least 4"),
    ],
)
def test_what_cannot_be_kept_is_said_with_what_can(budget: Budget, says: str) -> None:
    with pytest.raises(InfeasibleBudget, match=says):
        learn(make_data(60), EMBEDDER, Plan(budgets=(("x", budget),), prices=PRICES))


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (Budget(money_usd=1.0), "prices .* of large, lawyer, cook"),
        (Budget(latency_s=1.0), "latencies of large"),
        (Budget(resident_parameters=1.0), r"parameters \(total or active\) of large"),
    ],
)
def test_missing_costs_are_named(budget: Budget, says: str) -> None:
    with pytest.raises(DatasetInvalid, match=says):
        learn(make_data(60), EMBEDDER, Plan(budgets=(("x", budget),)))


def test_a_specialist_needs_proof_and_a_tie_stays_a_hair_behind() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    chance = np.array([[0.7, 0.95, 0.72], [0.7, 0.2, 0.7]])[labels]
    scores = (rng.random((400, 3)) < chance).astype(float)
    table = fit_scores(scores, np.eye(2)[labels])
    found = planned(table, scores, labels, level=0.01)
    assert general_expert(scores) in {0, 2}
    general = general_expert(scores)
    tied = 2 - general
    assert found[0].argmax() == 1, "proven in its field"
    assert found[1].argmax() == general
    assert 0 < found[0, general] - found[0, tied] < 0.1
    np.testing.assert_allclose(found[:, general], table.cautious(1.0)[:, general])
    few = np.r_[0:4, 200:204]
    weak = planned(
        fit_scores(scores[few], np.eye(2)[labels[few]]), scores[few], labels[few], level=0.01
    )
    assert set(weak.argmax(axis=1).tolist()) == {general_expert(scores[few])}


def test_mappings_are_solved_on_what_was_planned(artifact: Artifact) -> None:
    router = router_of(artifact, EMBEDDER)
    assert router.planned is not None
    pool = router.pool([price.candidate(expert) for expert, price in PRICES])
    mapping = pool.mapping("quality")
    assert mapping["law"] == "lawyer"
    assert pool.scores.shape == (4, 3)
