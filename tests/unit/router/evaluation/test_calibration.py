import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from router.evaluation import calibration as cal

GRID = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
SIDES = st.tuples(st.lists(GRID, min_size=1, max_size=20), st.lists(GRID, min_size=1, max_size=20))


def test_reliability_by_hand() -> None:
    confidence = np.array([0.05, 0.95, 0.91, 1.0, 0.5])
    correct = np.array([False, True, False, True, True])
    table = cal.reliability(confidence, correct, bins=10)
    assert [(b.n, round(b.low, 9), round(b.high, 9)) for b in table] == [
        (1, 0, 0.1),
        (1, 0.5, 0.6),
        (3, 0.9, 1.0),
    ]
    assert table[-1].confidence == pytest.approx(2.86 / 3)
    assert table[-1].accuracy == pytest.approx(2 / 3)
    expected = (0.05 + 0.5 + 3 * (2.86 / 3 - 2 / 3)) / 5
    assert cal.expected_calibration_error(table) == pytest.approx(expected)
    adaptive = cal.reliability(confidence, correct, bins=5, adaptive=True)
    assert [b.n for b in adaptive] == [1] * 5
    assert math.isnan(cal.expected_calibration_error(()))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.booleans())
def test_bins_hold_everything_once(rows: list[tuple[float, bool]], adaptive: bool) -> None:
    confidence, correct = (np.array(each) for each in zip(*rows, strict=True))
    table = cal.reliability(confidence, correct, bins=7, adaptive=adaptive)
    assert sum(b.n for b in table) == len(rows)
    assert sum(b.n * b.accuracy for b in table) == pytest.approx(correct.sum())
    assert 0 <= cal.expected_calibration_error(table) <= 1
    for each in table:
        assert each.low - 1e-12 <= each.confidence <= each.high + 1e-12


def test_risk_coverage_by_hand() -> None:
    found = cal.risk_coverage(np.array([0.1, 0.3, 0.2, 0.4]), np.array([0, 1, 0, 1]))
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(found.risk, [0, 0, 1 / 3, 0.5])
    assert found.area == pytest.approx((0 + 0 + 1 / 3 + 0.5) / 4)
    with pytest.raises(ValueError, match="no prompts"):
        cal.risk_coverage(np.empty(0), np.empty(0))


@given(st.lists(st.tuples(GRID, st.booleans()), min_size=1, max_size=5))
def test_ties_are_as_good_as_chance(rows: list[tuple[float, bool]]) -> None:
    uncertainty, errors = (np.array(each) for each in zip(*rows, strict=True))
    found = cal.risk_coverage(uncertainty, errors)
    areas = []
    for chance in itertools.permutations(range(len(rows))):
        order = np.lexsort((chance, uncertainty))
        areas.append(np.mean(np.cumsum(errors[order]) / np.arange(1, len(rows) + 1)))
    assert found.area == pytest.approx(np.mean(areas))
    assert found.risk[-1] == pytest.approx(errors.mean())
    if len(set(uncertainty)) == 1:
        assert found.area == pytest.approx(errors.mean())


@given(SIDES)
def test_auroc_is_that_of_scikit_learn(sides: tuple[list[float], list[float]]) -> None:
    positive, negative = (np.array(side) for side in sides)
    truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    scores = np.r_[positive, negative]
    assert cal.auroc(positive, negative) == pytest.approx(roc_auc_score(truth, scores))
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    expected = fpr[tpr >= 0.95 - 1e-9].min()
    assert cal.false_positive_rate(positive, negative) == pytest.approx(expected)


def test_nothing_to_tell_apart() -> None:
    some = np.array([0.5])
    assert math.isnan(cal.auroc(np.empty(0), some))
    assert math.isnan(cal.false_positive_rate(some, np.empty(0)))
    assert cal.false_positive_rate(np.arange(20.0) + 10, np.arange(12.0)) == pytest.approx(1 / 12)
