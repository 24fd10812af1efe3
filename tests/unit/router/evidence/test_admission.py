"""Admission by K shots: a guesser stays out, one that is ten points better comes in."""

import numpy as np
import pytest
from scipy.stats import binom

from router.evidence.admission import (
    Rule,
    admission,
    consistency_of,
    critical,
    power,
    shots_needed,
    upper_tail,
)

TRIALS = 4000


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.25, 0.5])
def test_guessers_stay_out_and_better_ones_come_in(chance: float) -> None:
    shots = shots_needed(chance)
    needed = critical(np.full(shots, chance))
    rng = np.random.default_rng(1)
    guesses = rng.binomial(shots, chance, size=TRIALS)
    better = rng.binomial(shots, chance + 0.1, size=TRIALS)
    assert (guesses >= needed).mean() <= 0.05 + 0.008  # 2.3 standard errors of the simulation
    assert (better >= needed).mean() >= 0.90 - 0.011
    assert power(np.full(shots, chance)) >= 0.90


def test_so_many_shots() -> None:
    assert [shots_needed(chance) for chance in (0.0, 0.1, 0.25, 0.5)] == [22, 109, 179, 213]
    assert shots_needed(0.25, Rule(margin=0.2)) < shots_needed(0.25) / 3
    with pytest.raises(ValueError, match="no expert is better than"):
        shots_needed(0.95)
    with pytest.raises(ValueError, match="more than 20000 prompts"):
        shots_needed(0.5, Rule(margin=0.005))


def test_the_tail_is_exact_also_where_chances_differ() -> None:
    tail = upper_tail(np.full(30, 0.3))
    assert tail[:31] == pytest.approx(binom.sf(np.arange(31) - 1, 30, 0.3))
    chances = np.array([0.1, 0.5, 0.25, 0.9])
    drawn = (np.random.default_rng(0).random((200_000, 4)) < chances).sum(axis=1)
    assert upper_tail(chances)[:5] == pytest.approx(
        [(drawn >= k).mean() for k in range(5)], abs=0.004
    )


def test_mixed_options_keep_the_level() -> None:
    rng = np.random.default_rng(2)
    chance = rng.choice([0.1, 0.25, 0.5, 0.0], size=150)
    needed = critical(chance)
    let_in = ((rng.random((TRIALS, 150)) < chance).sum(axis=1) >= needed).mean()
    assert 0.02 <= let_in <= 0.058


def test_one_that_always_says_the_same_is_judged_by_the_commonest_answer() -> None:
    rng = np.random.default_rng(3)
    keys = rng.choice(4, p=[0.4, 0.2, 0.2, 0.2], size=200)
    right = keys == 0
    share = right.mean()
    assert admission(right, np.full(200, 0.25)).admitted, "a guess is not one in four here"
    assert not admission(right, np.full(200, share)).admitted


def test_a_decision_says_why() -> None:
    right, chance = np.array([True] * 90 + [False] * 90), np.full(180, 0.25)
    found = admission(right, chance, repeats=(("a", "a"),) * 90 + (("a", "b"),) * 90)
    assert found.admitted
    assert found.p_value < 1e-10
    assert found.corrected.mean == pytest.approx((0.5 - 0.25) / 0.75)
    assert found.consistency is not None
    assert found.consistency.value == 0.5
    assert found.reasons[0].startswith("90 of 180 answers are right; no fewer than")
    few = admission(right[85:95], chance[:10])
    assert not few.admitted
    assert "ask more prompts" in few.reasons[1]
    fickle = admission(right, chance, Rule(consistent=0.8), repeats=(("a", "b"),) * 180)
    assert not fickle.admitted
    assert "asked again, it gives the same answer to 0% of prompts" in fickle.reasons[-1]
    untold = admission(right, chance, Rule(consistent=0.8))
    assert not untold.admitted
    assert "nothing was asked twice" in untold.reasons[-1]
    assert not admission(right, chance, Rule(floor=0.6)).admitted


def test_what_cannot_be_decided_is_refused() -> None:
    with pytest.raises(ValueError, match="answers and"):
        admission(np.array([], dtype=bool), np.array([]))
    with pytest.raises(ValueError, match="not from 0 to below 1"):
        admission(np.array([True]), np.array([1.0]))
    assert critical(np.full(3, 0.9)) == 4, "more than there are: nobody can pass"
    assert not admission(np.ones(3, dtype=bool), np.full(3, 0.9)).admitted
    assert consistency_of((("a",), ())) is None
