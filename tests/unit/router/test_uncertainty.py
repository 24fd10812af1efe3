import math

import numpy as np
import pytest

from router.uncertainty import Gate, GateSettings

GATE = Gate(GateSettings(threshold=0.85), strange=0.4)


@pytest.mark.parametrize("categories", [2, 10, 32, 33, 300])
def test_the_doubt_is_the_mean_of_entropy_and_margin(categories: int) -> None:
    random = np.random.default_rng(categories)
    probabilities = random.dirichlet(np.ones(categories))
    second, first = np.sort(probabilities)[-2:]
    entropy = -float((probabilities * np.log(probabilities)).sum()) / math.log(categories)
    expected = 0.5 * (entropy + 1 - (first - second))
    assert GATE.uncertainty(probabilities, 1.0) == pytest.approx(expected, abs=1e-6)


def test_what_is_like_nothing_is_strange() -> None:
    sure = np.array([0.999, 0.001])
    assert GATE.uncertainty(sure, 0.0) == 1.0
    assert GATE.uncertainty(sure, 0.1) == pytest.approx(0.75)
    assert GATE.uncertainty(sure, 0.5) < 0.1
    assert GATE.uncertainty(np.ones(1), 0.0) == 0.0


def test_too_unsure_is_above_the_threshold() -> None:
    assert GATE.limit(0) == 0.85
    assert not GATE.unsure(0.85, 0)
    assert GATE.unsure(0.86, 0)
