"""The frontier of baselines: what holds of it whatever was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.conductor.evaluation.frontier import Policy, beyond, corners, mixture_at

TASKS = 12
_right = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=TASKS, max_size=TASKS)
_costs = st.lists(st.integers(0, 100), min_size=TASKS, max_size=TASKS)


def policy(right: list[float], costs: list[float] | list[int], name: str = "any") -> Policy:
    return Policy(name, np.array(right), np.array(costs, dtype=np.float64))


policies = st.lists(st.builds(policy, _right, _costs), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(policies)
def test_the_frontier_rises_ever_more_slowly_and_lies_above_everything(some: list[Policy]) -> None:
    costs, right = np.array([each.point for each in corners(some)]).T
    slopes = np.diff(right) / np.diff(costs)
    assert (np.diff(costs) > 0).all()
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 1e-12).all()
    for each in some:
        mixture = mixture_at(some, each.point[0])
        assert mixture is not None
        assert mixture.right.mean() >= each.point[1] - 1e-12


@settings(max_examples=100, deadline=None)
@given(policies, st.floats(0, 120))
def test_a_mixture_costs_what_it_may_and_more_money_buys_no_less(
    some: list[Policy], budget: float
) -> None:
    mixture = mixture_at(some, budget)
    least, most = (corners(some)[place].point[0] for place in (0, -1))
    if mixture is None:
        assert budget < least
        return
    assert sum(share for _, share in mixture.shares) == pytest.approx(1.0)
    assert all(0 <= share <= 1 for _, share in mixture.shares)
    assert mixture.costs.mean() == pytest.approx(min(budget, most), abs=1e-9)
    richer = mixture_at(some, budget + 10)
    assert richer is not None
    assert richer.right.mean() >= mixture.right.mean() - 1e-12
    assert 0 <= richer.slope <= mixture.slope + 1e-12


@settings(max_examples=50, deadline=None)
@given(policies, st.floats(0, 1), st.integers(0, 5), st.builds(policy, _right, _costs))
def test_nothing_on_the_frontier_differs_from_it(
    some: list[Policy], share: float, place: int, other: Policy
) -> None:
    there = corners(some)
    one, two = there[place % len(there)], there[min(place % len(there) + 1, len(there) - 1)]
    mixed = Policy(
        "mixed",
        (1 - share) * one.right + share * two.right,
        (1 - share) * one.costs + share * two.costs,
    )
    for ours in (one, mixed):
        found = beyond(ours, some)
        if found is None:  # a mixture of one thing may cost less in the last digit
            assert mixed.point[0] == pytest.approx(there[0].point[0])
            continue
        assert found.gain.mean == pytest.approx(0, abs=1e-9)
        assert found.gain.low <= found.gain.mean + 1e-9
        assert found.gain.high >= found.gain.mean - 1e-9
    corner = beyond(one, some)
    assert corner is not None
    assert (corner.gain.low, corner.gain.high, corner.gain.verdict) == (0.0, 0.0, "tie")
    more = beyond(one, [*some, other])
    assert more is None or more.gain.mean <= 1e-9, "a further baseline never flatters"


@settings(max_examples=50, deadline=None)
@given(policies, st.builds(policy, _right, _costs), st.integers(1, 50))
def test_the_difference_is_that_of_the_points_and_lies_in_its_interval(
    some: list[Policy], ours: Policy, unit: int
) -> None:
    found = beyond(ours, some)
    if found is None:
        assert ours.point[0] < min(each.point[0] for each in some)
        return
    assert found.gain.mean == pytest.approx(ours.point[1] - found.accuracy, abs=1e-9)
    assert found.gain.low - 1e-9 <= found.gain.mean <= found.gain.high + 1e-9
    scaled = [Policy(each.name, each.right, each.costs * unit) for each in (ours, *some)]
    again = beyond(scaled[0], scaled[1:])
    assert again is not None
    assert again.gain.mean == pytest.approx(found.gain.mean, abs=1e-9), "in whatever money"


def test_tasks_that_are_not_known_under_all_are_left_out() -> None:
    nan = float("nan")
    cheap = policy([0, 1, nan, 0], [1, 1, 1, 1])
    dear = policy([1, 1, 1, 1], [3, 3, 3, 3])
    ours = policy([1, nan, 1, 1], [2, 9, 9, 2])
    found = beyond(ours, [cheap, dear])
    assert found is not None
    assert found.gain.n == 2
    assert (found.accuracy, found.gain.mean) == (0.5, 0.5)
    assert [share for _, share in found.mixture.shares] == [0.5, 0.5]
    assert beyond(policy([nan] * 4, [9] * 4), [cheap]) is None
    assert mixture_at([], 1.0) is None


def test_costs_that_differ_by_rounding_alone_are_one_cost() -> None:
    worse = policy([1, 0, 0, 0], [0.1] * 3 + [0.1 - 1e-16])
    better = policy([1, 1, 0, 0], [0.1] * 4)
    assert corners([worse, better]) == [better]
    found = beyond(policy([1, 1, 1, 0], [0.05, 0.15, 0.1, 0.1]), [worse, better])
    assert found is not None
    assert (found.accuracy, found.mixture.slope) == (0.5, 0.0)


def test_the_interval_heeds_that_costs_are_uncertain() -> None:
    """A policy on the true frontier differs from it by chance in about one of twenty samples.

    Were costs taken as given, it would in three.
    """
    rng = np.random.default_rng(1)
    n, wrong = 60, 0
    for _ in range(100):
        hard, either = rng.random(n), rng.random(n) < 0.5
        drawn = [
            ((rng.random(n) * skill > hard).astype(np.float64), price * rng.lognormal(0.0, 1.0, n))
            for skill, price in ((0.8, 1.0), (1.6, 3.0)) * 2
        ]
        (cheap, dear), (left, right) = drawn[:2], drawn[2:]
        ours = (np.where(either, *pair) for pair in zip(left, right, strict=True))
        found = beyond(Policy("ours", *ours), [Policy("cheap", *cheap), Policy("dear", *dear)])
        wrong += found is not None and found.gain.verdict != "tie"
    assert 1 <= wrong <= 11
