import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix

from router.evaluation import metrics

NAN = float("nan")
SCORES = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 1.0], [NAN, 0.2, 0.4], [NAN, NAN, NAN]])


def test_references_by_hand() -> None:
    np.testing.assert_allclose(metrics.random_quality(SCORES), [0.5, 2 / 3, 0.3, NAN])
    np.testing.assert_allclose(metrics.expert_quality(SCORES), [0.5, 0.4, 1.9 / 3])
    assert metrics.best_single(SCORES) == 2
    assert metrics.oracle_choices(SCORES).tolist() == [0, 1, 2, 0]
    assert metrics.oracle_choices(SCORES, np.array([1.0, 9.0, 2.0])).tolist() == [0, 2, 2, 0]
    reached = metrics.chosen(SCORES, metrics.oracle_choices(SCORES))
    assert metrics.mean(reached) == pytest.approx(0.8)
    assert np.isnan(metrics.mean(np.array([NAN])))


def test_no_expert_measured_is_an_error() -> None:
    with pytest.raises(ValueError, match="no expert"):
        metrics.best_single(np.full((3, 2), NAN))


def test_perfect_categories_by_hand() -> None:
    labels = np.array([0, 1, 1, -1, 2])
    scores = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [NAN, NAN]], dtype=float)
    table = metrics.category_table(labels, scores, 3)
    np.testing.assert_allclose(table, [[1, 0], [0, 1], [NAN, NAN]])
    assert metrics.perfect_category_choices(labels, table, 0).tolist() == [0, 1, 1, 0, 0]
    elsewhere = np.array([[0.1, 0.9], [0.1, 0.9], [0.9, 0.1]])
    assert metrics.perfect_category_choices(labels, elsewhere, 0).tolist() == [1, 1, 1, 0, 0]


def test_gains() -> None:
    assert metrics.gain_at_best(0.66, 0.60) == pytest.approx(0.1)
    assert metrics.gap_at_oracle(0.6, 0.8) == pytest.approx(0.25)
    assert np.isnan(metrics.gain_at_best(0.5, 0.0))
    assert metrics.shares(np.array([0, 2, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_confusion_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, found = np.array(pairs).T
    expected = confusion_matrix(true, found, labels=range(5))
    assert (metrics.confusion(true, found, 5) == expected).all()
    assert metrics.confusion(np.full(3, -1), np.zeros(3, dtype=int), 2).sum() == 0


@given(
    arrays(np.float64, (7, 4), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, NAN])),
    arrays(np.float64, 4, elements=st.floats(0, 10)),
)
def test_the_oracle_is_never_beaten(scores: np.ndarray, costs: np.ndarray) -> None:
    oracle = metrics.chosen(scores, metrics.oracle_choices(scores, costs))
    for row, value in zip(scores, oracle, strict=True):
        known = row[np.isfinite(row)]
        assert np.isnan(value) if not known.size else value == known.max()
    random = metrics.random_quality(scores)
    assert (np.isnan(random) | (random <= oracle + 1e-12)).all()
