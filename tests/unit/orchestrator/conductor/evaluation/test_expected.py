"""The closed forms, against counting every case."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.evaluation.expected import (
    Check,
    cascade,
    decompose,
    direct,
    panel,
    verify,
    vote,
)

SHARE = st.floats(0.0, 1.0)


def counted(right: float, samples: int, wrong: int) -> float:
    """The accuracy of a vote: every outcome of every sample, one by one."""
    total = 0.0
    chances = [right, *((1.0 - right) / wrong for _ in range(wrong))]
    for outcome in itertools.product(range(wrong + 1), repeat=samples):
        chance = 1.0
        for answer in outcome:
            chance *= chances[answer]
        counts = Counter(outcome)
        tied = [answer for answer, count in counts.items() if count == max(counts.values())]
        total += chance * (0 in tied) / len(tied)
    return total


@given(SHARE, st.integers(1, 5), st.integers(1, 4))
def test_a_vote_is_what_counting_gives(right: float, samples: int, wrong: int) -> None:
    found = vote(right, samples, wrong, cost=0.5)
    assert found.accuracy == pytest.approx(counted(right, samples, wrong), abs=1e-9)
    assert (found.calls, found.cost) == (samples, samples * 0.5)


def test_known_votes() -> None:
    assert vote(0.6, 3).accuracy == pytest.approx(0.648)
    assert vote(0.6, 101).accuracy > 0.97
    assert vote(0.4, 101).accuracy < 0.03
    assert vote(0.4, 15, wrong=50).accuracy > 0.9, "wrong answers that scatter lose"
    assert vote(0.7, 1).accuracy == direct(0.7).accuracy == 0.7


@given(SHARE, SHARE, SHARE, SHARE)
def test_a_cascade_is_what_counting_gives(
    first: float, second: float, takes_right: float, takes_wrong: float
) -> None:
    accuracy = calls = cost = 0.0
    for cheap, passes, other in itertools.product((True, False), repeat=3):
        accepts = takes_right if cheap else takes_wrong
        chance = (first if cheap else 1 - first) * (accepts if passes else 1 - accepts)
        chance *= second if other else 1 - second
        accuracy += chance * (cheap if passes else other)
        calls += chance * (2 if passes else 3)
        cost += chance * (1 + 0.1 if passes else 1 + 0.1 + 10)
    found = cascade(first, second, Check(takes_right, takes_wrong, cost=0.1), costs=(1, 10))
    assert found.accuracy == pytest.approx(accuracy)
    assert found.calls == pytest.approx(calls)
    assert found.cost == pytest.approx(cost)


@given(SHARE, SHARE, SHARE, st.integers(0, 3))
def test_verifying_is_what_counting_gives(
    right: float, takes_right: float, takes_wrong: float, retries: int
) -> None:
    def walk(left: int, passes: bool, checked: bool) -> tuple[float, float, float]:
        accuracy = calls = cost = 0.0
        for is_right, chance in ((True, right), (False, 1 - right)):
            paid = not (is_right and checked)
            accepts = 1.0 if not left else passes if is_right else takes_wrong
            accuracy += chance * accepts * is_right
            calls += chance * (1 + paid)
            cost += chance * (1 + 0.5 * paid)
            if left:
                again = walk(left - 1, passes, checked or is_right)
                accuracy += chance * (1 - accepts) * again[0]
                calls += chance * (1 - accepts) * again[1]
                cost += chance * (1 - accepts) * again[2]
        return accuracy, calls, cost

    lucky, unlucky = walk(retries, True, False), walk(retries, False, False)
    mixed = [
        takes_right * one + (1 - takes_right) * other
        for one, other in zip(lucky, unlucky, strict=True)
    ]
    found = verify(right, Check(takes_right, takes_wrong, cost=0.5), retries)
    assert [found.accuracy, found.calls, found.cost] == pytest.approx(mixed)


def test_limits_of_checks() -> None:
    perfect, blind = Check(1.0, 0.0), Check(1.0, 1.0)
    assert cascade(0.6, 0.9, perfect).accuracy == pytest.approx(0.6 + 0.4 * 0.9)
    assert cascade(0.6, 0.9, blind).accuracy == pytest.approx(0.6)
    assert verify(0.6, perfect, 2).accuracy == pytest.approx(1 - 0.4**3)
    assert verify(0.6, blind, 2).accuracy == pytest.approx(0.6)


@given(st.floats(0.2, 0.95), st.integers(1, 4), st.integers(1, 4))
def test_a_panel_of_equals_is_the_vote_of_as_many_samples(
    right: float, experts: int, wrong: int
) -> None:
    found = panel([right] * experts, [0.5] * experts, wrong)
    assert found.accuracy == pytest.approx(vote(right, experts, wrong).accuracy)
    assert (found.calls, found.cost) == (experts, experts * 0.5)


def test_known_panels() -> None:
    assert panel([0.9, 0.2, 0.2], [1, 1, 1]).accuracy == pytest.approx(0.9), (
        "two weak are one wrong"
    )
    assert panel([0.6, 0.6], [1, 1]).accuracy == pytest.approx(0.6), "two cannot outvote each other"
    assert panel([0.7, 0.7, 0.7], [1, 1, 1]).accuracy == pytest.approx(0.784)


@given(SHARE, SHARE, st.integers(1, 4), SHARE, SHARE)
def test_splitting_is_what_counting_gives(
    first: float, part: float, parts: int, takes_right: float, takes_wrong: float
) -> None:
    accuracy = calls = cost = 0.0
    for cheap, passes, *solved in itertools.product((True, False), repeat=2 + parts):
        accepts = takes_right if cheap else takes_wrong
        chance = (first if cheap else 1 - first) * (accepts if passes else 1 - accepts)
        for one in solved:
            chance *= part if one else 1 - part
        accuracy += chance * (cheap if passes else all(solved))
        calls += chance * (2 if passes else 4 + parts)
        cost += chance * (1 + 0.1 if passes else 1 + 0.1 + 1 + 10 * (parts + 1))
    found = decompose(first, part, parts, Check(takes_right, takes_wrong, cost=0.1), costs=(1, 10))
    assert [found.accuracy, found.calls, found.cost] == pytest.approx([accuracy, calls, cost])
