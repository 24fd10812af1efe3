"""What is learnt from recorded answers, where the truth is known because it was drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.panel.belief import heard, posterior
from orchestrator.conductor.panel.fitting import Record, fit_reliability
from orchestrator.conductor.panel.option_fitting import OptionSettings, fit_options
from orchestrator.conductor.panel.options import TERMS, OptionPrior, inputs, traces
from orchestrator.conductor.panel.reliability import Reliability, untaught
from orchestrator.conductor.panel.simulation import play

EXPERTS = ("big", "copy", "other")
OPTIONS = 5
COSTS = np.array([10.0, 10.0, 10.0])


def drawn(n: int, seed: int) -> Record:
    """Answers of an expert that is right in 60 %, of one that mostly copies it, of a third in 55 %."""
    generator = np.random.default_rng(seed)
    truths = generator.integers(0, OPTIONS, n)

    def answered(right: float) -> np.ndarray:
        wrong = (truths + generator.integers(1, OPTIONS, n)) % OPTIONS
        return np.where(generator.random(n) < right, truths, wrong)

    big, other = answered(0.6), answered(0.55)
    copy = np.where(generator.random(n) < 0.9, big, answered(0.5))
    answers = np.stack([big, copy, other], axis=1)
    answers[generator.random((n, 3)) < 0.02] = -1
    qualities = np.tile([0.6, 0.6, 0.55], (n, 1))
    return Record(qualities, np.full((n, OPTIONS), -math.log(OPTIONS)), answers, truths)


@pytest.fixture(scope="module")
def taught() -> Reliability:
    return fit_reliability(drawn(3000, 0), EXPERTS, COSTS)


def test_a_copy_is_recognised(taught: Reliability) -> None:
    assert taught.pairs[0, 1] < taught.pairs[0, 2] - 0.5
    assert taught.pairs == pytest.approx(taught.pairs.T)
    assert taught.silent == pytest.approx([0.02] * 3, abs=0.015)


def after_all(model: Reliability, record: Record) -> np.ndarray:
    """What is believed once everybody was heard."""
    belief = model.opening(record.qualities, record.log_priors)
    for expert in range(len(EXPERTS)):
        everywhere = np.full(len(record.truths), expert)
        heard(belief, everywhere, record.answers[:, expert], model.pairs)
    return posterior(belief)


def test_what_is_learnt_is_better_and_calibrated(taught: Reliability) -> None:
    test = drawn(4000, 1)
    rows = np.arange(len(test.truths))
    loss = {}
    for name, model in (("taught", taught), ("untaught", untaught(EXPERTS))):
        chances = after_all(model, test)
        loss[name] = -np.log(chances[rows, test.truths]).mean()
        gap = chances.max(axis=1).mean() - (chances.argmax(axis=1) == test.truths).mean()
        assert name == "untaught" or abs(gap) < 0.03
    assert loss["taught"] < loss["untaught"] - 0.005


def test_a_price_makes_it_ask_fewer(taught: Reliability) -> None:
    test = drawn(500, 2)
    calls = [
        play(taught, test.qualities, test.log_priors, test.answers, costs=COSTS, price=price)
        .asked.sum(axis=1)
        .mean()
        for price in (0.0, 0.002, 0.1)
    ]
    assert calls[0] >= calls[1] >= calls[2] == 1.0


def test_it_is_saved_and_loaded(taught: Reliability) -> None:
    again = Reliability.load(taught.arrays(), EXPERTS)
    test = drawn(50, 3)
    given_ = test.qualities, test.log_priors
    assert (again.opening(*given_).boosts == taught.opening(*given_).boosts).all()
    wrong = {**taught.arrays(), "pairs": np.zeros((2, 2))}
    with pytest.raises(ValueError, match="pairs"):
        Reliability.load(wrong, EXPERTS)
    endless = {**taught.arrays(), "silent": np.full(3, np.nan)}
    with pytest.raises(ValueError, match="silent"):
        Reliability.load(endless, EXPERTS)


def test_others_are_put_in_order_and_strangers_get_what_is_usual(taught: Reliability) -> None:
    found = taught.of(("stranger", "other", "big"))
    assert (found.weights[1:] == taught.weights[[2, 0]]).all()
    assert found.pairs[1, 2] == taught.pairs[2, 0]
    usual = untaught(("stranger", "other"))
    assert (found.weights[0] == usual.weights[0]).all()
    assert found.pairs[0, 1] == usual.pairs[0, 1]
    assert taught.of(EXPERTS) is taught


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda r: r._replace(truths=r.truths[:0]), "no recorded answers"),
        (lambda r: r._replace(answers=r.answers[:, :2]), "do not fit"),
        (lambda r: r._replace(answers=r.answers + 5), "none of the options"),
        (lambda r: r._replace(log_priors=np.full((20, OPTIONS), -np.inf)), "right answer"),
    ],
)
def test_what_does_not_fit_is_refused(change: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fit_reliability(change(drawn(20, 0)), EXPERTS, COSTS)  # type: ignore[operator]  # a lambda


def numbered(n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Questions whose right option is the middle number, more often than not."""
    generator = np.random.default_rng(seed)
    told, truths = [], []
    for _ in range(n):
        numbers = generator.permutation(np.cumsum(generator.integers(1, 50, 4)))
        told.append(traces("How many?", [str(number) for number in numbers]))
        middle = int(numbers.argsort()[2])
        truths.append(middle if generator.random() < 0.7 else int(generator.integers(0, 4)))
    return told, np.array(truths)


def test_the_prior_finds_the_trace_that_a_test_writer_left() -> None:
    settings = OptionSettings(networks=1, units=8, iterations=60)
    prior = fit_options(*numbered(600, 0), settings=settings)
    told, truths = numbered(400, 1)
    right = [
        int(prior.told(each).argmax()) == truth for each, truth in zip(told, truths, strict=True)
    ]
    assert np.mean(right) > 0.6
    again = OptionPrior.load(prior.arrays())
    options = ("12 m", "13 m", "14 m")
    assert (again("How long?", options) == prior("How long?", options)).all()
    assert np.exp(prior("How long?", options)).sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="finite"):
        OptionPrior.load({**prior.arrays(), "out": np.full((1, 8), np.inf)})
    with pytest.raises(ValueError, match="fit"):
        OptionPrior.load({**prior.arrays(), "bias": np.zeros((1, 7))})


@given(
    question=st.text(max_size=60), options=st.lists(st.text(max_size=30), min_size=1, max_size=12)
)
def test_any_options_can_be_looked_at(question: str, options: list[str]) -> None:
    told = traces(question, options)
    assert told.shape == (len(options), TERMS)
    assert np.isfinite(told).all()
    assert np.isfinite(inputs(told, np.ones((3, TERMS)))).all()


def test_huge_numbers_are_numbers() -> None:
    options = ["9" * 400, "1 \u00d7 10^999", "-3 \u00d7 10^{-999}", "0"]
    assert np.isfinite(traces("?", options)).all()
