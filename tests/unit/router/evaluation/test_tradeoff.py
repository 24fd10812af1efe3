import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.evaluation import tradeoff

WEAK = np.array([0.0, 1.0, 0.0, 1.0])
STRONG = np.array([1.0, 1.0, 1.0, 0.0])
POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12).map(
    lambda pairs: np.array(pairs, dtype=float).T
)


def test_two_experts_by_hand() -> None:
    curve = tradeoff.two_experts(WEAK, STRONG, np.array([3.0, 1.0, 2.0, 0.0]))
    np.testing.assert_allclose(curve.share, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.quality, [0.5, 0.75, 1.0, 1.0, 0.75])
    np.testing.assert_allclose(curve.recovered, [0, 1, 2, 2, 1])
    assert curve.apgr == pytest.approx((0.5 + 1.5 + 2 + 1.5) / 4)
    assert curve.cpt(50) == pytest.approx(0.125)
    assert curve.cpt(100) == pytest.approx(0.25)
    assert math.isnan(curve.cpt(201))


def test_calling_at_random_recovers_half() -> None:
    curve = tradeoff.two_experts(WEAK, STRONG, np.zeros(4))
    assert curve.apgr == pytest.approx(0.5)
    assert curve.cpt(20) == pytest.approx(0.2)
    assert tradeoff.apgr_interval(curve, draws=50) == pytest.approx((0.5, 0.5))


def test_equal_experts_have_no_gap_to_recover() -> None:
    curve = tradeoff.two_experts(WEAK, WEAK, np.arange(4.0))
    assert math.isnan(curve.apgr)
    assert math.isnan(curve.cpt(50))
    assert all(math.isnan(end) for end in tradeoff.apgr_interval(curve, draws=5))
    with pytest.raises(ValueError, match="no prompt"):
        tradeoff.two_experts(np.full(2, np.nan), WEAK[:2], WEAK[:2])


def test_apgr_against_a_slow_reference_and_its_interval() -> None:
    rng = np.random.default_rng(3)
    weak, strong = (rng.random(400) < 0.6) * 1.0, (rng.random(400) < 0.8) * 1.0
    advantage = 0.2 * (strong - weak) + rng.normal(size=400)
    order = sorted(range(400), key=lambda i: -advantage[i])
    sent: set[int] = set()
    reached = [weak.mean()]
    for i in order:
        sent.add(i)
        reached.append(np.mean([strong[j] if j in sent else weak[j] for j in range(400)]))
    gap = strong.mean() - weak.mean()
    slow = np.mean([(a + b) / 2 - weak.mean() for a, b in itertools.pairwise(reached)])
    curve = tradeoff.two_experts(weak, strong, advantage)
    assert curve.apgr == pytest.approx(slow / gap)
    low, high = tradeoff.apgr_interval(curve, draws=200, seed=1)
    assert low < curve.apgr < high
    assert (low, high) == tradeoff.apgr_interval(curve, draws=200, seed=1)


def test_missing_scores_are_left_out() -> None:
    weak, strong = np.append(WEAK, np.nan), np.append(STRONG, 1.0)
    curve = tradeoff.two_experts(weak, strong, np.array([3.0, 1, 2, 0, 9]))
    assert curve.apgr == tradeoff.two_experts(WEAK, STRONG, np.array([3.0, 1, 2, 0])).apgr


def test_hull_by_hand() -> None:
    costs = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 2.0])
    quality = np.array([0.2, 0.3, 0.8, 0.8, 0.7, 0.1])
    x, y = tradeoff.hull(costs, quality)
    assert x.tolist() == [1, 3]
    assert y.tolist() == [0.2, 0.8]
    with pytest.raises(ValueError, match="no points"):
        tradeoff.hull(np.empty(0), np.empty(0))


@given(POINTS)
def test_no_point_lies_above_the_hull(points: np.ndarray) -> None:
    x, y = tradeoff.hull(*points)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    assert (np.diff(np.diff(y) / np.diff(x)) < 1e-9).all()
    assert (np.interp(points[0], x, y) >= points[1] - 1e-9).all()
    corners = set(zip(*points, strict=True))
    assert set(zip(x, y, strict=True)) <= corners


def test_aiq_by_hand() -> None:
    costs, quality = np.array([1.0, 3.0]), np.array([0.2, 0.8])
    assert tradeoff.aiq(costs, quality) == pytest.approx(1.0 / 3)
    assert tradeoff.aiq(costs, quality, largest=5) == pytest.approx((1.0 + 1.6) / 5)
    assert tradeoff.aiq(np.zeros(1), np.array([0.7])) == pytest.approx(0.7)


def test_arena_score_by_hand() -> None:
    assert tradeoff.arena_score(0.8, 200) == 0
    assert tradeoff.arena_score(0.8, 0.0044) == pytest.approx(1.1 * 0.8 / 1.08)
    assert tradeoff.arena_score(0.8, 1e-9) == tradeoff.arena_score(0.8, 0.0044)
    middle = math.sqrt(200 * 0.0044)  # half way on the log scale
    assert tradeoff.arena_score(0.8, middle) == pytest.approx(1.1 * 0.8 * 0.5 / (0.08 + 0.5))
    assert tradeoff.arena_score(0.0, 200) == 0
