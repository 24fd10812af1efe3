import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.evaluation.intervals import Interval, bootstrap, paired


def test_as_a_plain_bootstrap_and_the_normal_approximation() -> None:
    values = np.random.default_rng(5).choice([-1.0, 0.0, 1.0], p=[0.2, 0.5, 0.3], size=800)
    found = bootstrap(values, draws=4000)
    assert found.mean == pytest.approx(values.mean())
    assert found.n == 800
    rng = np.random.default_rng(1)
    plain = [values[rng.integers(800, size=800)].mean() for _ in range(4000)]
    low, high = np.quantile(plain, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)
    error = values.std() / math.sqrt(800)
    assert found.high - found.low == pytest.approx(3.92 * error, rel=0.08)


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        found = bootstrap(rng.normal(0.3, 1.0, size=80), draws=300, seed=trial)
        held += found.low <= 0.3 <= found.high
    assert 0.89 <= held / 300 <= 0.985


def test_pairs_cancel_what_is_hard_for_both() -> None:
    rng = np.random.default_rng(2)
    hard = rng.normal(size=500)
    ours, theirs = hard + 0.05 + 0.01 * rng.normal(size=500), hard
    assert paired(ours, theirs).verdict == "win"
    assert paired(theirs, ours).verdict == "lose"
    assert paired(ours, ours).verdict == "tie"
    assert bootstrap(ours).verdict == "tie"
    with pytest.raises(ValueError, match="against"):
        paired(ours, theirs[:3])


def test_missing_values_and_none_at_all() -> None:
    assert bootstrap(np.array([1.0, np.nan, 1.0])) == Interval(1.0, 1.0, 1.0, 2)
    nothing = bootstrap(np.array([np.nan]))
    assert nothing.n == 0
    assert nothing.verdict == "tie"


@settings(max_examples=30)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40), st.integers(0, 99))
def test_interval_lies_within_the_values_and_repeats(values: list[float], seed: int) -> None:
    array = np.array(values)
    found = bootstrap(array, draws=50, seed=seed)
    assert array.min() - 1e-9 <= found.low <= found.high <= array.max() + 1e-9
    assert found == bootstrap(array, draws=50, seed=seed)


def test_many_graded_values_in_bounded_time() -> None:
    started = time.process_time()
    bootstrap(np.random.default_rng(0).random(6000), draws=2000)
    assert time.process_time() - started < 5
