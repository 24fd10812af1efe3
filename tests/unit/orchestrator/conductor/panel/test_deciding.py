"""Beliefs and decisions, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.panel.belief import LEAST_BOOST, Belief, best, heard, posterior
from orchestrator.conductor.panel.choosing import Rules, choices, choose, values

SEEDS = st.integers(0, 2**32 - 1)
EXPERTS, ANSWERS = 4, 5


def belief_of(generator: np.random.Generator, *lead: int) -> Belief:
    odds = generator.normal(size=(*lead, ANSWERS))
    odds[..., -1] = np.where(generator.random(lead) < 0.5, -np.inf, odds[..., -1])
    boosts = generator.uniform(LEAST_BOOST, 4.0, size=(*lead, EXPERTS, ANSWERS))
    asked = np.zeros((*lead, EXPERTS), dtype=bool)
    shown = np.zeros((*lead, ANSWERS), dtype=bool)
    shown[..., 0] = True
    asked[..., 0] = True
    return Belief(odds, boosts, asked, shown)


def rules_of(price: float = 0.0) -> Rules:
    pairs = -0.5 * (1.0 - np.eye(EXPERTS))
    return Rules(np.arange(1.0, EXPERTS + 1.0), np.zeros(EXPERTS), pairs, price)


@given(seed=SEEDS)
def test_the_value_is_the_mean_over_what_the_expert_may_say(seed: int) -> None:
    belief = belief_of(np.random.default_rng(seed))
    now = posterior(belief)
    worth = values(belief, rules_of())
    for expert in range(1, EXPERTS):
        odds = np.exp(belief.boosts[expert])
        possible = np.isfinite(belief.log_odds)
        total = (1.0 / (odds[possible] - 1.0)).sum()
        mean, drift = 0.0, np.zeros(ANSWERS)
        for said in np.flatnonzero(possible):
            base = 1.0 / ((odds[said] - 1.0) * (1.0 + total))
            likelihood = np.where(np.arange(ANSWERS) == said, base * odds[said], base)
            chance = float((likelihood * now).sum())
            after = likelihood * now / chance
            drift += chance * after
            mean += chance * max(after[said], after[belief.given].max())
        assert drift == pytest.approx(now), "beliefs do not drift"
        assert worth[expert] == pytest.approx(mean)


@given(seed=SEEDS)
def test_information_never_harms_and_is_never_worth_more_than_certainty(seed: int) -> None:
    belief = belief_of(np.random.default_rng(seed), 7)
    worth = values(belief, rules_of())
    now = best(belief)[1][:, None]
    open_ = ~belief.asked
    assert (worth[open_] >= np.broadcast_to(now, worth.shape)[open_] - 1e-12).all()
    assert (worth[open_] <= 1.0 + 1e-12).all()
    assert np.isneginf(worth[belief.asked]).all()


@given(seed=SEEDS, price=st.floats(0.0, 0.2))
def test_one_prompt_is_decided_like_many(seed: int, price: float) -> None:
    many = belief_of(np.random.default_rng(seed), 6)
    chosen = choices(many, rules_of(price))
    for row, each in enumerate(chosen):
        one = choose(many.rows(row), rules_of(price))
        assert (-1 if one.expert is None else one.expert) == each


def test_somebody_is_asked_first_however_dear_and_nobody_twice() -> None:
    belief = belief_of(np.random.default_rng(0))
    belief.asked[:] = False
    belief.given[:] = False
    assert choose(belief, rules_of(1e6)).expert is not None
    belief.asked[:] = True
    belief.given[0] = True
    chosen = choose(belief, rules_of(0.0))
    assert chosen.expert is None
    assert chosen.confidence == chosen.value == best(belief)[1]


def test_an_answer_nobody_gave_is_not_chosen() -> None:
    belief = Belief(
        np.array([5.0, 0.0]), np.ones((1, 2)), np.array([True]), np.array([False, True])
    )
    place, chance = best(belief)
    assert place == 1
    assert chance < 0.01
    nobody = Belief(belief.log_odds, belief.boosts, belief.asked, np.array([False, False]))
    assert best(nobody) == (-1, 0.0)


def test_who_agrees_adds_less_and_still_something() -> None:
    boosts = np.full((1, 3, 2), 1.0)
    belief = Belief(np.zeros((1, 2)), boosts, np.zeros((1, 3), bool), np.zeros((1, 2), bool))
    pairs = np.array([[0.0, -0.4, -9.0], [-0.4, 0.0, 0.0], [-9.0, 0.0, 0.0]])
    heard(belief, np.array([0]), np.array([1]), pairs)
    assert belief.log_odds.tolist() == [[0.0, 1.0]]
    assert belief.boosts[0, :, 1].tolist() == [1.0, pytest.approx(0.6), LEAST_BOOST]
    assert belief.boosts[0, :, 0].tolist() == [1.0, 1.0, 1.0]
    heard(belief, np.array([1]), np.array([-1]), pairs)
    assert belief.log_odds.tolist() == [[0.0, 1.0]]
    assert belief.asked.tolist() == [[True, True, False]]
