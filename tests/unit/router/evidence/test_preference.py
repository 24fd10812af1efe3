"""A judge that goes by position: what it truly prefers is within the interval as often as it says."""

import numpy as np
import pytest

from router.evidence.preference import preference, preference_of
from router.quality.judgements import Judgement

SEEDS = 1000


def judged(
    rng: np.random.Generator, n: int, share: float, ties: float, position: float, *, steady: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return what A is worth shown first and second, to a judge that goes by position now and then.

    Args:
        rng: Randomness.
        n: Prompts.
        share: Of the prompts without a tie on which A is better.
        ties: Share of prompts without a better answer.
        position: How often it goes by position; negative: it favours the second place.
        steady: Whether what it finds better is the prompt's, or drawn anew in each order.
    """

    def content() -> np.ndarray:
        chances = [share * (1 - ties), ties, (1 - share) * (1 - ties)]
        return rng.choice([1.0, 0.5, 0.0], p=chances, size=n)

    truth = content()
    shown = []
    for first in (True, False):
        favoured = 1.0 if first == (position > 0) else 0.0
        by_position = rng.random(n) < abs(position)
        shown.append(np.where(by_position, favoured, truth if steady else content()))
    return shown[0], shown[1]


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize(
    ("share", "ties", "position"),
    [(0.7, 0.0, 0.3), (0.7, 0.2, 0.3), (0.9, 0.1, 0.5), (0.6, 0.0, -0.2), (0.4, 0.3, 0.05)],
)
def test_the_true_preference_is_within_the_interval(
    share: float, ties: float, position: float, steady: bool
) -> None:
    truth = share * (1 - ties) + ties / 2
    shrunk = (1 - abs(position)) * truth + abs(position) / 2
    held = np.zeros(3)
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        found = preference(*judged(rng, 120, share, ties, position, steady=steady))
        held += (
            found.corrected.low <= truth <= found.corrected.high,
            found.balanced.low <= shrunk <= found.balanced.high,
            found.position.low <= position <= found.position.high,
        )
    assert 0.93 <= held[0] / SEEDS <= 0.97
    # The share that goes by position is a count: its true coverage jumps about the nominal one.
    assert (held[1:] / SEEDS >= 0.92).all(), held / SEEDS


def test_equals_are_called_unequal_one_time_in_twenty_at_the_most() -> None:
    wrong = 0
    for seed in range(SEEDS):
        found = preference(*judged(np.random.default_rng(seed), 60, 0.5, 0.1, 0.4, steady=True))
        wrong += found.verdict != "tie"
    assert wrong / SEEDS <= 0.07


def test_a_judge_that_only_goes_by_position_prefers_nobody() -> None:
    found = preference(np.ones(50), np.zeros(50))
    assert found.verdict == "tie"
    assert (found.corrected.low, found.corrected.high) == (0.0, 1.0)
    assert np.isnan(found.corrected.mean)
    assert found.balanced.mean == 0.5
    assert found.position.mean == 1.0
    assert found.consistent.value == 0.0


def test_the_mean_of_both_orders_is_nearer_to_one_half() -> None:
    first, second = np.array([1.0] * 80 + [0.0] * 20), np.array([1.0] * 60 + [0.0] * 40)
    found = preference(first, second)
    assert found.balanced.mean == pytest.approx(0.7)
    assert found.position.mean == pytest.approx(0.2)
    assert found.corrected.mean == pytest.approx(0.6 / 0.8)
    turned = preference(1.0 - second, 1.0 - first)  # the same, seen by the other expert
    assert turned.corrected.mean == pytest.approx(1.0 - found.corrected.mean)
    assert turned.corrected.low == pytest.approx(1.0 - found.corrected.high)
    assert (found.verdict, turned.verdict) == ("win", "lose")


@pytest.mark.parametrize(
    ("same", "share", "otherwise"), [(0.5, 0.8, 0.6), (0.2, 0.6, 0.97), (0.9, 1.0, 0.5)]
)
def test_answers_that_are_the_same_are_no_ties_of_a_judge(
    same: float, share: float, otherwise: float
) -> None:
    """Where nobody was asked, nobody went by position: taken for verdicts, such ties mislead."""
    truth = same / 2 + (1 - same) * share
    held = taken = 0
    for seed in range(SEEDS // 2):
        rng = np.random.default_rng(seed)
        settled = int(rng.binomial(300, same))
        first, second = judged(rng, 300 - settled, share, 0.0, 0.4, steady=True)
        found = preference(first, second, settled=settled)
        held += found.corrected.low <= truth <= found.corrected.high
        ties = np.full(settled, 0.5)
        mixed = preference(np.concatenate([first, ties]), np.concatenate([second, ties]))
        taken += mixed.corrected.low <= truth <= mixed.corrected.high
        assert found.corrected.n == found.balanced.n == 300
    assert 0.93 <= held / (SEEDS // 2) <= 0.98
    assert taken / (SEEDS // 2) < otherwise


def test_where_all_answers_are_the_same_nothing_is_preferred() -> None:
    found = preference(np.array([]), np.array([]), settled=40)
    assert (found.corrected.mean, found.corrected.n, found.verdict) == (0.5, 40, "tie")
    assert found.corrected.high - found.corrected.low < 0.2
    assert found.position.n == found.consistent.n == 0


def test_where_all_are_won_that_is_within_the_interval() -> None:
    found = preference(np.ones(20), np.ones(20)).corrected
    assert (found.mean, found.high) == (1.0, 1.0)
    assert 0.6 < found.low < 0.9


def test_one_prompt_proves_nothing_and_none_at_all_neither() -> None:
    assert preference(np.ones(1), np.ones(1)).verdict == "tie"
    nothing = preference(np.array([]), np.array([]))
    assert (nothing.verdict, nothing.corrected.n, nothing.consistent.value) == ("tie", 0, None)
    with pytest.raises(ValueError, match="against"):
        preference(np.ones(2), np.ones(3))


def test_verdicts_on_pairs_whichever_was_first() -> None:
    verdicts = [
        Judgement(0, "x", "y", "win"),
        Judgement(0, "y", "x", "loss"),
        Judgement(1, "y", "x", "win"),
        Judgement(1, "x", "y", "win"),
        Judgement(2, "x", "y", "win"),
        Judgement(3, "x", "z", "win"),
    ]
    found = preference_of(verdicts, "x", "y")
    assert (found.corrected.n, found.alone) == (2, 1)
    assert found.balanced.mean == pytest.approx(0.75)
    assert found.consistent[:2] == (1, 2)
    assert preference_of([], "x", "y").corrected.n == 0
