from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.data import DatasetInvalid
from router.quality.judgements import WORTH, Judgement, Outcome, win_rates

OUTCOMES: tuple[Outcome, ...] = ("win", "tie", "loss")


def test_a_win_in_both_orders_is_a_win() -> None:
    rates = win_rates([Judgement(0, "a", "b", "win"), Judgement(0, "b", "a", "loss")], "ab", 1)
    assert rates.tolist() == [[1.0, 0.0]]


def test_a_tie_is_half_a_win_and_so_is_a_judge_who_contradicts_himself() -> None:
    assert win_rates([Judgement(0, "a", "b", "tie")], "ab", 1).tolist() == [[0.5, 0.5]]
    both = [Judgement(0, "a", "b", "win"), Judgement(0, "b", "a", "win")]
    assert win_rates(both, "ab", 1).tolist() == [[0.5, 0.5]]


def test_both_orders_weigh_the_same_however_often_they_were_asked() -> None:
    asked = [Judgement(0, "a", "b", "win")] * 3 + [Judgement(0, "b", "a", "win")]
    assert win_rates(asked, "ab", 1).tolist() == [[0.5, 0.5]]


def test_an_expert_scores_its_mean_over_opponents_and_the_rest_is_missing() -> None:
    asked = [Judgement(1, "a", "b", "win"), Judgement(1, "a", "c", "loss")]
    rates = win_rates(asked, ["a", "b", "c", "d"], 2)
    np.testing.assert_array_equal(rates[1], [0.5, 0.0, 1.0, np.nan])
    assert np.isnan(rates[0]).all()


@pytest.mark.parametrize(
    ("judgement", "message"),
    [
        (Judgement(0, "a", "x", "win"), "judgement 0: there is no expert 'x'"),
        (Judgement(0, "a", "a", "win"), "compares 'a' with itself"),
        (Judgement(2, "a", "b", "win"), "there is no prompt 2"),
        (Judgement(-1, "a", "b", "win"), "there is no prompt -1"),
        (Judgement(0, "a", "b", "draw"), "'draw' is not win, tie or loss"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_named(judgement: Judgement, message: str) -> None:
    with pytest.raises(DatasetInvalid, match=message):
        win_rates([judgement], "ab", 2)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.sampled_from("abc")).filter(
            lambda each: each[1] != each[2]
        ),
        max_size=20,
    ),
    st.integers(0, 1000),
)
def test_turning_every_judgement_round_changes_nothing(
    pairs: list[tuple[int, str, str]], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    drawn = [OUTCOMES[i] for i in generator.integers(0, 3, len(pairs))]
    turned = {"win": "loss", "tie": "tie", "loss": "win"}
    one = [Judgement(*pair, outcome) for pair, outcome in zip(pairs, drawn, strict=True)]
    two = [Judgement(j.row, j.second, j.first, turned[j.outcome]) for j in one]  # type: ignore[arg-type]
    rates = win_rates(one, "abc", 3)
    np.testing.assert_allclose(rates, win_rates(two, "abc", 3))
    known = rates[~np.isnan(rates)]
    assert ((known >= 0) & (known <= 1)).all()
    assert WORTH["tie"] == 0.5
