from __future__ import annotations

import numpy as np
import pytest

from router.data import DatasetInvalid
from router.quality.comparison import FEWEST_ROWS, compare, specialists

COSTS = np.array([10.0, 5.0, 1.0])


def drawn(rows: int, rates: list[float], seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((rows, len(rates))) < rates).astype(float)


def test_a_clear_specialist_displaces_the_general_expert_and_an_equal_does_not() -> None:
    scores = np.vstack([drawn(300, [0.5, 0.8, 0.5]), drawn(300, [0.5, 0.5, 0.5], 1)])
    labels = np.repeat([0, 1], 300)
    assert specialists(scores, labels, 2, 0, COSTS).tolist() == [1, 0]


def test_of_two_that_tie_the_cheaper() -> None:
    scores = drawn(400, [0.3, 0.8, 0.79])
    assert specialists(scores, np.zeros(400, dtype=int), 1, 0, COSTS).tolist() == [2]
    assert specialists(scores, np.zeros(400, dtype=int), 1, 0, COSTS[[0, 2, 1]]).tolist() == [1]


def test_the_better_of_two_that_do_not_tie_however_dear() -> None:
    scores = drawn(600, [0.3, 0.9, 0.6])
    assert specialists(scores, np.zeros(600, dtype=int), 1, 0, COSTS).tolist() == [1]


def test_few_prompts_displace_nobody() -> None:
    scores = np.array([[0.0, 1.0]] * (FEWEST_ROWS - 1))
    labels = np.zeros(len(scores), dtype=int)
    assert specialists(scores, labels, 1, 0, np.ones(2)).tolist() == [0]
    assert compare(scores, 0).p_value.tolist() == [1.0, 1.0]


def test_equals_are_seldom_displaced() -> None:
    wrong = 0
    for seed in range(200):
        scores = drawn(60, [0.5] * 6, seed)
        wrong += specialists(scores, np.zeros(60, dtype=int), 1, 0, np.ones(6))[0] != 0
    assert wrong <= 0.1 * 200


def test_only_common_prompts_are_compared() -> None:
    scores = np.array([[0.0, 1.0, np.nan]] * 20 + [[1.0, np.nan, 1.0]] * 20)
    found = compare(scores, 0)
    assert found.n.tolist() == [40, 20, 20]
    assert found.difference.tolist() == [0.0, 1.0, 0.0]
    assert found.p_value[1] < 0.001
    assert found.p_value[2] == 1.0


def test_a_category_without_rows_keeps_the_general_expert() -> None:
    assert specialists(drawn(10, [0.5, 0.5]), np.full(10, -1), 3, 1, np.ones(2)).tolist() == [1] * 3


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DatasetInvalid, match="expert 2"):
        specialists(drawn(4, [0.5, 0.5]), np.zeros(4, dtype=int), 1, 2, np.ones(2))
    with pytest.raises(DatasetInvalid, match="scores are"):
        specialists(drawn(4, [0.5, 0.5]), np.zeros(3, dtype=int), 1, 0, np.ones(2))
