import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.mapping import InfeasibleBudget, at_price, price_for, price_frontier

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, prompts: int = 200, experts: int = 5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.random((prompts, experts)), random.random(experts) * 10.0 ** random.integers(
        -6, 2
    )


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, share=st.floats(0, 1.2))
def test_the_price_keeps_to_the_limit_and_no_lower_one_does(seed: int, share: float) -> None:
    quality, costs = drawn(seed)
    low = float(costs.min())
    free = at_price(quality, costs, 0.0)
    limit = low + share * (free.spent - low)
    found = price_for(quality, costs, limit)
    assert found.spent <= limit * (1 + 1e-9)
    assert found.quality <= free.quality
    if found.price > 0:
        assert at_price(quality, costs, found.price * (1 - 1e-6)).spent > limit
    else:
        assert share >= 1 - 1e-9


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_cost_never_rises_with_the_price(seed: int) -> None:
    quality, costs = drawn(seed, prompts=30)
    prices = [0.0, *np.geomspace(1e-3, 1e3, 20) / float(costs.max())]
    spent = [at_price(quality, costs, price).spent for price in prices]
    assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(spent))


def test_no_choice_within_the_same_cost_is_better() -> None:
    quality, costs = drawn(3, prompts=6, experts=3)
    found = price_for(quality, costs, float(np.median(costs)))
    choices = np.stack(np.meshgrid(*[range(3)] * 6), axis=-1).reshape(-1, 6)
    means = quality[np.arange(6), choices].mean(axis=1)
    affordable = costs[choices].mean(axis=1) <= found.spent * (1 + 1e-9)
    assert found.quality == pytest.approx(float(means[affordable].max()))


def test_costs_may_differ_by_prompt() -> None:
    quality = np.array([[0.5, 0.9], [0.5, 0.9]])
    costs = np.array([[1.0, 2.0], [1.0, 10.0]])
    assert price_for(quality, costs, 2.0).chosen.tolist() == [1, 0]


def test_a_limit_below_the_cheapest_is_refused() -> None:
    quality, costs = drawn(0)
    with pytest.raises(InfeasibleBudget, match="active_parameters is limited to") as refusal:
        price_for(quality, costs, float(costs.min()) / 2, name="active_parameters")
    assert refusal.value.nearest == pytest.approx(float(costs.min()))
    with pytest.raises(ValueError, match="finite values"):
        price_for(np.full((2, 2), np.nan), np.ones(2), 1.0)


def test_the_frontier_rises_from_the_cheapest_to_the_best() -> None:
    quality, costs = drawn(7)
    points = price_frontier(quality, costs, points=8)
    assert points[0].spent == pytest.approx(float(costs.min()), rel=1e-3)
    assert points[-1].quality == pytest.approx(float(quality.max(axis=1).mean()))
    assert len(points) >= 6
    for before, after in itertools.pairwise(points):
        assert after.spent > before.spent
        assert after.quality > before.quality
