import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.evidence.selection import by_category, chosen, facility_location, told


def value(likeness: np.ndarray, weights: np.ndarray, columns: tuple[int, ...]) -> float:
    return float(weights @ likeness[:, list(columns)].max(axis=1))


def plain_greedy(likeness: np.ndarray, weights: np.ndarray, count: int) -> float:
    found: tuple[int, ...] = ()
    for _ in range(count):
        rest = [c for c in range(len(likeness)) if c not in found]
        found = (*found, max(rest, key=lambda c: value(likeness, weights, (*found, c))))
    return value(likeness, weights, found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 4))
def test_near_the_best_and_as_good_as_plain_greed(seed: int, n: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness, weights = np.clip(vectors @ vectors.T, 0, 1), rng.random(n)
    count = min(count, n)
    order = facility_location(likeness, weights, count)
    assert len(set(order.tolist())) == count
    reached = value(likeness, weights, tuple(order.tolist()))
    best = max(value(likeness, weights, c) for c in itertools.combinations(range(n), count))
    assert reached >= (1 - 1 / math.e) * best - 1e-9
    assert reached == pytest.approx(plain_greedy(likeness, weights, count))


def test_prompts_that_tell_nothing_are_dropped() -> None:
    nan = math.nan
    scores = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1], [0, 1, nan], [nan] * 3, [1, 0, 0]], float)
    found = told(scores, blind=np.array([1.0, 0.0, 1.0, 0.0, 0.0, nan]))
    assert found.tells.tolist() == [False, False, False, True, False, True]
    assert (found.passed, found.failed, found.guessed, found.unscored) == (1, 1, 1, 1)


def test_one_of_each_kind_before_a_second_of_any() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.eye(4), [30, 12, 6, 2], axis=0)
    vectors = kinds + 0.02 * rng.normal(size=kinds.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = chosen(vectors, np.ones(50), 4)
    assert {int(row) for row in kinds[found.rows].argmax(axis=1)} == {0, 1, 2, 3}
    assert found.stands_for == pytest.approx([30 / 50, 12 / 50, 6 / 50, 2 / 50])
    assert found.coverage > 0.99
    nothing = chosen(vectors, np.zeros(50), 4)
    assert (len(nothing.rows), nothing.coverage) == (0, 0.0)


def test_each_category_has_its_own() -> None:
    vectors = np.eye(6)
    weights = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    found = by_category(vectors, weights, ["a", "a", "a", "b", None, None], 2)
    assert {name: sorted(part.rows.tolist()) for name, part in found.items()} == {
        "a": [0, 1],
        "b": [3],
        "": [4, 5],
    }
