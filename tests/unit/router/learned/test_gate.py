"""The gate: strangers and mistakes are doubted, abstaining pays, thresholds are per category."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.classifier import Evidence, softmax
from router.learned import Fitted, LearnedGate, LearnedGateSettings, learn_gate, risk_coverage
from tests.unit.router.learned.conftest import STRANGERS, World


def _evidence(
    rng: np.random.Generator, n: int, noise: float, shift: float
) -> tuple[Evidence, np.ndarray]:
    labels = rng.integers(0, 4, n)
    scores = np.eye(4)[labels] * 2 + rng.normal(0, noise, (n, 4)) + shift
    near = (scores.max(axis=1) / 4).astype(np.float32)
    return Evidence(softmax(scores), near), labels


@pytest.fixture(scope="module")
def gate() -> LearnedGate:
    rng = np.random.default_rng(0)
    evidence, labels = _evidence(rng, 600, 0.8, 0.0)
    return learn_gate(evidence, labels)


def test_strangers_are_more_uncertain_than_the_known(world: World, fitted: Fitted) -> None:
    gate = learn_gate(fitted.held_out, fitted.labels)
    known = gate.many(fitted.held_out)
    strangers = gate.many(fitted.classifier.many(STRANGERS, world.vectors_of(STRANGERS)))
    assert np.median(strangers) > np.quantile(known, 0.8)


def test_uncertainty_is_within_bounds_and_falls_with_familiarity(gate: LearnedGate) -> None:
    sure = np.array([0.97, 0.01, 0.01, 0.01])
    values = [gate.uncertainty(sure, near) for near in (-5.0, 0.0, 0.3, 0.6, 9.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]
    assert all(0.0 <= value <= 1.0 for value in values)
    unsure = np.full(4, 0.25)
    assert gate.uncertainty(unsure, 0.6) > gate.uncertainty(sure, 0.6)


@settings(max_examples=100, deadline=None)
@given(
    scores=st.lists(st.floats(-30, 30), min_size=4, max_size=4),
    near=st.floats(-1e3, 1e3, allow_nan=False),
)
def test_any_evidence_has_an_uncertainty(
    gate: LearnedGate, scores: list[float], near: float
) -> None:
    assert 0.0 <= gate.uncertainty(softmax(np.array(scores)), near) <= 1.0


def test_abstaining_pays_on_other_prompts() -> None:
    """Where a general answer is worth .5 and many categories are wrong, the gate gains."""
    rng = np.random.default_rng(1)
    evidence, labels = _evidence(rng, 1500, 2.0, 0.0)
    other, truth = _evidence(rng, 1500, 2.0, 0.0)
    gate = learn_gate(evidence, labels)
    doubt, top = gate.many(other), other.probabilities.argmax(axis=1)
    right = top == truth
    abstained = np.array([gate.unsure(d, t) for d, t in zip(doubt, top.tolist(), strict=True)])
    assert np.where(abstained, 0.5, right).mean() > right.mean() + 0.02
    assert right[abstained].mean() < 0.5 < right[~abstained].mean()


def test_each_category_has_its_own_threshold() -> None:
    """A category that is nearly always a mistake is doubted earlier than one that never is."""
    rng = np.random.default_rng(2)
    evidence, labels = _evidence(rng, 2000, 1.0, 0.0)
    labels = np.where(
        (evidence.probabilities.argmax(axis=1) == 3) & (rng.random(2000) < 0.8), 0, labels
    )
    gate = learn_gate(evidence, labels)
    assert gate.thresholds[3] < min(gate.thresholds[:3])
    assert [gate.limit(top) for top in range(4)] == list(gate.thresholds)


def test_a_general_answer_worth_nothing_is_never_asked_for() -> None:
    rng = np.random.default_rng(3)
    evidence, labels = _evidence(rng, 400, 1.5, 0.0)
    gate = learn_gate(evidence, labels, settings=LearnedGateSettings(worth=0.0))
    top = evidence.probabilities.argmax(axis=1).tolist()
    doubts = gate.many(evidence).tolist()
    assert not any(gate.unsure(d, t) for d, t in zip(doubts, top, strict=True))


def test_strangers_where_given_are_learned_from() -> None:
    """Strangers who are sure of a category but unfamiliar: only familiarity tells them."""
    rng = np.random.default_rng(4)
    evidence, labels = _evidence(rng, 800, 0.7, 0.0)
    sure, _ = _evidence(rng, 200, 0.1, -1.5)
    without = learn_gate(evidence, labels)
    with_strangers = learn_gate(evidence, labels, strangers=sure)
    assert with_strangers.weights[0] > without.weights[0]

    def caught(gate: LearnedGate) -> float:
        top = sure.probabilities.argmax(axis=1).tolist()
        return np.mean(
            [gate.unsure(d, t) for d, t in zip(gate.many(sure).tolist(), top, strict=True)]
        )

    assert caught(with_strangers) > max(0.8, caught(without))


def test_a_stored_gate_is_the_same(gate: LearnedGate) -> None:
    assert LearnedGate.load(gate.arrays()) == gate


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("usual", np.zeros((2, 8)), "three signs"),
        ("thresholds", np.zeros(0), "one number a category"),
        ("weights", np.array([np.nan, 0, 0]), "no number"),
        ("weights", None, "lacks weights"),
    ],
)
def test_refuses_parts_that_do_not_fit(
    gate: LearnedGate, name: str, value: np.ndarray | None, message: str
) -> None:
    arrays = gate.arrays()
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    with pytest.raises(ValueError, match=message):
        LearnedGate.load(arrays)


def test_a_gate_needs_a_label() -> None:
    nothing = Evidence(np.full((2, 3), 1 / 3), np.zeros(2, dtype=np.float32))
    with pytest.raises(ValueError, match="labelled"):
        learn_gate(nothing, np.array([-1, -1]))


def test_one_category_is_doubted_by_familiarity_alone() -> None:
    near = np.linspace(0, 1, 50, dtype=np.float32)
    gate = learn_gate(Evidence(np.ones((50, 1)), near), np.zeros(50, dtype=np.intp))
    assert gate.uncertainty(np.ones(1), -2.0) > gate.uncertainty(np.ones(1), 0.9)


def test_risk_falls_as_less_is_covered() -> None:
    doubt = np.array([0.1, 0.2, 0.3, 0.4])
    curve = risk_coverage(doubt, np.array([True, True, False, False]), points=4)
    assert [(p.coverage, p.risk) for p in curve] == [
        (0.25, 0.0),
        (0.5, 0.0),
        (0.75, 1 / 3),
        (1.0, 0.5),
    ]
    assert risk_coverage(np.zeros(0), np.zeros(0, dtype=bool)) == []
