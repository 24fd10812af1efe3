import math

import numpy as np
import pytest

from router.evidence.agreement import agreement

# The example of Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C.
_ = math.nan
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("interval", 0.849)])
def test_as_published(scale: str, alpha: float) -> None:
    found = agreement(PUBLISHED, scale)  # type: ignore[arg-type]
    assert found.mean == pytest.approx(alpha, abs=0.0006)
    assert found.low < found.mean < found.high
    assert found.n == 11, "a unit that one judge alone rated says nothing"


def test_chance_is_nought_and_contradiction_below() -> None:
    rng = np.random.default_rng(0)
    found = agreement(rng.integers(0, 2, size=(2, 500)).astype(float))
    assert abs(found.mean) < 0.1
    assert found.low < 0 < found.high
    ones = np.array([[0.0, 1.0] * 20, [1.0, 0.0] * 20])
    assert agreement(ones).mean < -0.9
    assert agreement(np.array([[0.0, 1.0] * 20] * 3)).mean == 1.0


@pytest.mark.parametrize(
    "ratings", [np.zeros((2, 5)), np.full((2, 5), math.nan), np.array([[1.0, _], [_, 2.0]])]
)
def test_what_tells_nothing_is_not_known(ratings: np.ndarray) -> None:
    found = agreement(ratings)
    assert math.isnan(found.mean)
    assert (found.low, found.high) == (-1.0, 1.0)
