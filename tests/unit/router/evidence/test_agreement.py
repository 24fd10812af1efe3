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


def test_of_two_judges_it_is_scotts_pi_for_a_sample() -> None:
    """With n values in all, 1 - alpha is 1 - pi times (n - 1) / n (Krippendorff, 2004, section 11.3)."""
    rng = np.random.default_rng(1)
    first = rng.choice(3, p=[0.5, 0.3, 0.2], size=200)
    second = np.where(rng.random(200) < 0.6, first, rng.choice(3, size=200))
    shares = np.bincount(np.concatenate([first, second]), minlength=3) / 400
    by_chance = float(shares @ shares)
    pi = ((first == second).mean() - by_chance) / (1 - by_chance)
    found = agreement(np.stack([first, second]).astype(float))
    assert 1 - found.mean == pytest.approx((1 - pi) * 399 / 400)


def test_the_interval_holds_what_many_units_tell() -> None:
    def rated(rng: np.random.Generator, n: int) -> np.ndarray:
        truth = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], size=n)
        other = rng.choice([0.0, 0.5, 1.0], size=(3, n))
        return np.where(rng.random((3, n)) < 0.7, truth, other)

    truth = agreement(rated(np.random.default_rng(10_000), 100_000), "interval", draws=2).mean
    found = [
        agreement(rated(np.random.default_rng(seed), 80), "interval", draws=300)
        for seed in range(200)
    ]
    assert 0.90 <= sum(each.low <= truth <= each.high for each in found) / 200 <= 0.99


def test_units_that_belong_together_count_as_one() -> None:
    rng = np.random.default_rng(4)
    ratings = rng.choice([0.0, 1.0], size=(2, 50))
    ratings[1, :35] = ratings[0, :35]
    once = agreement(ratings)
    thrice = np.repeat(ratings, 3, axis=1)
    apart = agreement(thrice)
    together = agreement(thrice, groups=np.repeat(np.arange(50), 3).tolist())
    assert together.high - together.low == pytest.approx(once.high - once.low, rel=0.1)
    assert apart.high - apart.low < 0.7 * (once.high - once.low), "as if three times were asked"
