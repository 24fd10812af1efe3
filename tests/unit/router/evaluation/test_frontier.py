import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from router.evaluation import frontier
from router.evaluation.frontier import Point, budget_at, hull_of, pareto_distance, quality_at, trace

COSTS = np.array([1.0, 3.0, 10.0])
PREDICTED = np.array([[0.1, 0.5, 0.9], [0.6, 0.6, 0.7], [0.2, 0.2, 0.2]])
TRUE = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
SMALL = arrays(np.float64, (3, 3), elements=st.integers(0, 10).map(float))


def test_by_hand() -> None:
    points = trace(PREDICTED, COSTS, TRUE)
    assert [point.choices.tolist() for point in points] == [
        [0, 0, 0],
        [1, 0, 0],
        [2, 0, 0],
        [2, 2, 0],
    ]
    assert [point.cost for point in points] == pytest.approx([1, 5 / 3, 4, 7])
    assert [point.quality for point in points] == pytest.approx([2 / 3, 2 / 3, 1, 1])
    assert points[-1].predicted == pytest.approx(1.8 / 3)
    assert quality_at(points, 0.5) != quality_at(points, 0.5)
    assert quality_at(points, 1) == pytest.approx(2 / 3)
    assert quality_at(points, (5 / 3 + 4) / 2) == pytest.approx(5 / 6)
    assert quality_at(points, 99) == 1
    assert budget_at(points, 5 / 6) == pytest.approx((5 / 3 + 4) / 2)
    assert budget_at(points, 0.1) == 1
    assert np.isnan(budget_at(points, 1.1))
    x, y = hull_of(points)
    assert x.tolist() == [1, 4]
    assert y == pytest.approx([2 / 3, 1])


@settings(max_examples=60)
@given(SMALL, arrays(np.float64, 3, elements=st.integers(0, 5).map(float)))
def test_finds_every_corner_of_all_choices(predicted: np.ndarray, costs: np.ndarray) -> None:
    points = trace(predicted, costs, predicted, points=200)
    everything = np.array(
        [
            (costs[list(each)].sum(), predicted[np.arange(3), list(each)].sum())
            for each in itertools.product(range(3), repeat=3)
        ]
    )
    x, y = frontier.hull(everything[:, 0], everything[:, 1])
    np.testing.assert_allclose([p.cost for p in points], x / 3, atol=1e-9)
    np.testing.assert_allclose([p.predicted for p in points], y / 3, atol=1e-9)


def test_costs_that_differ_by_prompt_and_experts_without_prediction() -> None:
    costs = np.array([[1.0, 2.0], [5.0, 2.0]])
    points = trace(np.array([[0.5, 0.9], [0.5, 0.9]]), costs, np.zeros((2, 2)))
    assert [point.choices.tolist() for point in points] == [[0, 1], [1, 1]]
    unknown = trace(np.array([[np.nan, 0.9], [np.nan, 0.9]]), costs, np.zeros((2, 2)))
    assert [point.choices.tolist() for point in unknown] == [[1, 1]]


def test_number_of_points_is_bounded_and_the_ends_stay() -> None:
    rng = np.random.default_rng(0)
    predicted, costs = rng.random((300, 6)), np.array([1.0, 2, 4, 8, 16, 32])
    few, many = (trace(predicted, costs, predicted, points=n) for n in (5, 400))
    assert len(few) == 5
    assert len(many) > 100
    assert few[0] == many[0]
    assert few[-1].predicted == pytest.approx(predicted.max(axis=1).mean())
    dense = np.array([quality_at(many, point.cost) for point in few])
    assert [point.quality for point in few] == pytest.approx(dense.tolist())


@pytest.mark.parametrize("costs", [np.array([1.0, -1, 2]), np.array([1.0, np.nan, 2]), np.ones(2)])
def test_refuses_impossible_costs(costs: np.ndarray) -> None:
    with pytest.raises(ValueError, match="trace"):
        trace(PREDICTED, costs, TRUE)


def test_pareto_distance_by_hand() -> None:
    front_x, front_y = np.array([0.0, 10.0]), np.array([0.0, 1.0])
    assert pareto_distance(np.array([5.0]), np.array([0.6]), front_x, front_y) == 0
    assert pareto_distance(np.array([5.0]), np.array([0.5]), front_x, front_y) == 0
    below = pareto_distance(np.array([10.0]), np.array([0.0]), front_x, front_y)
    assert below == pytest.approx(np.sqrt(0.5))
    beyond = pareto_distance(np.array([20.0]), np.array([0.5]), front_x, front_y)
    assert beyond == pytest.approx(0.5)


def test_nothing_measured_nothing_reached() -> None:
    assert np.isnan(quality_at((), 1.0))
    assert np.isnan(budget_at((), 1.0))
    point = Point(0.0, 1.0, 0.5, 0.5, np.zeros(1, dtype=np.intp))
    assert budget_at((point,), 0.5) == 1.0
