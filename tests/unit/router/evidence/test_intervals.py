"""Intervals and tests, each computed once more by other means: closed forms, scipy, enumeration, simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from router.evidence.admission import upper_tail
from router.evidence.comparison import compared
from router.evidence.means import mean_interval, share, student_interval


@pytest.mark.parametrize(("won", "lost", "n"), [(3, 0, 3), (7, 2, 30), (0, 0, 12), (40, 38, 100)])
def test_a_difference_is_that_of_agresti_and_min(won: int, lost: int, n: int) -> None:
    gaps = np.array([1.0] * won + [-1.0] * lost + [0.0] * (n - won - lost))
    more, less, total = won + 0.5, lost + 0.5, n + 2.0
    middle = (more - less) / total
    error = math.sqrt(more + less - (more - less) ** 2 / total) / total
    half = stats.t.ppf(0.975, n - 1) * error
    found = mean_interval(gaps, -1.0, 1.0)
    assert found.mean == pytest.approx((won - lost) / n)
    assert (found.low, found.high) == pytest.approx(
        (max(middle - half, -1.0), min(middle + half, 1.0))
    )


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (3, 40), (77, 100)])
def test_a_share_is_that_of_wilson(hits: int, n: int) -> None:
    theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert share(hits, n)[2:] == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_a_mean_without_bounds_is_that_of_student() -> None:
    values = np.array([3.0, 7.0, 8.0, 20.0, math.nan])
    known = values[:4]
    ends = stats.t.interval(0.95, 3, loc=known.mean(), scale=stats.sem(known))
    found = student_interval(values)
    assert (found.low, found.high, found.n) == (*(pytest.approx(end) for end in ends), 4)
    assert student_interval(values, 0.0).low == 0.0
    assert student_interval(values[:1]).high == math.inf
    assert math.isnan(student_interval(np.array([])).mean)


def test_the_tail_of_different_chances_is_that_of_all_outcomes() -> None:
    chances = np.array([0.1, 0.5, 0.25, 0.9, 0.0, 0.33, 0.7, 0.05])
    exactly = np.zeros(9)
    for outcome in itertools.product([0, 1], repeat=8):
        hits = np.array(outcome, dtype=bool)
        exactly[hits.sum()] += np.where(hits, chances, 1 - chances).prod()
    assert upper_tail(chances)[:9] == pytest.approx(exactly[::-1].cumsum()[::-1])


@pytest.mark.parametrize(("won", "lost"), [(3, 0), (7, 2), (5, 5)])
def test_the_test_of_mcnemar_is_a_fair_coin(won: int, lost: int) -> None:
    ours = np.array([1.0] * won + [0.0] * lost + [1.0] * 4)
    theirs = np.array([0.0] * won + [1.0] * lost + [1.0] * 4)
    n, fewer = won + lost, min(won, lost)
    tail = sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n
    assert compared(ours, theirs).p_value == pytest.approx(min(1.0, 2 * tail))


@pytest.mark.parametrize(("wins", "losses"), [(0.3, 0.1), (0.1, 0.1), (0.3, 0.0), (0.05, 0.0)])
@pytest.mark.parametrize("n", [10, 25, 200])
def test_the_interval_of_a_difference_covers_it(n: int, wins: float, losses: float) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.choice([1.0, -1.0, 0.0], p=[wins, losses, 1 - wins - losses], size=(500, n))
    found = [mean_interval(gaps, -1.0, 1.0) for gaps in drawn]
    held = sum(each.low <= wins - losses <= each.high for each in found)
    assert held / 500 >= 0.93


@pytest.mark.parametrize("n", [5, 20, 100])
def test_the_interval_of_an_accuracy_covers_it(n: int) -> None:
    """Exactly, over all outcomes: right and wrong are counts, so coverage jumps about the nominal one."""
    found = [mean_interval(np.array([1.0] * k + [0.0] * (n - k)), 0.0, 1.0) for k in range(n + 1)]
    low, high = np.array([(each.low, each.high) for each in found]).T
    accuracies = np.linspace(0.01, 0.99, 99)
    chances = stats.binom.pmf(np.arange(n + 1), n, accuracies[:, None])
    inside = (low <= accuracies[:, None]) & (accuracies[:, None] <= high)
    coverage = (chances * inside).sum(axis=1)
    assert coverage.min() >= 0.92
    assert coverage.mean() >= 0.95


@pytest.mark.parametrize("n", [15, 60, 200])
def test_equals_are_called_unequal_one_time_in_twenty(n: int) -> None:
    rng = np.random.default_rng(2)
    both = (rng.random((600, 2, n)) < 0.7).astype(float)
    wrong = sum(compared(ours, theirs).verdict != "tie" for ours, theirs in both)
    assert wrong / 600 <= 0.065
