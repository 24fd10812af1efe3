"""What is learned of how an expert counts follows it, and no single answer throws it off."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.counting.fit import FURTHEST, Belief, Fit

PROMPT = Belief((3.0, 4.0, 1.0), (20.0, 3.0, 0.5))
FACTOR = Belief((1.0,), (0.5,))

features = st.tuples(st.just(1), st.integers(0, 200), st.integers(0, 10**6))
reals = st.integers(0, 10**8)
vendors = st.tuples(st.floats(0, 40), st.floats(0, 8), st.floats(0.4, 2.5))
seeds = st.integers(0, 10**6)
Answer = tuple[tuple[int, ...], int]


def answers(
    vendor: tuple[float, float, float], seed: int, many: int, noise: float = 0.0
) -> list[Answer]:
    """Return requests of all lengths, and what a vendor counts for them."""
    chance, found = Random(seed), list[Answer]()  # noqa: S311 (no secret)
    for _ in range(many):
        asked = 1, chance.randint(1, 9), round(chance.lognormvariate(5, 1))
        counted = sum(a * b for a, b in zip(vendor, asked, strict=True))
        found.append((asked, round(counted * chance.lognormvariate(0, noise))))
    return found


def taught(fit: Fit, of: Iterable[Answer]) -> Fit:
    for asked, real in of:
        fit = fit.learned(asked, real)
    return fit


def errors(fit: Fit, of: Iterable[Answer]) -> list[float]:
    return sorted(abs(fit.estimate(asked) / max(real, 1) - 1) for asked, real in of)


@given(features)
def test_before_anything_is_known_the_estimate_is_what_is_believed(asked: tuple[int, ...]) -> None:
    expected = 3 * asked[0] + 4 * asked[1] + asked[2]
    assert Fit.of(PROMPT).estimate(asked) == pytest.approx(expected)


@given(vendors, seeds)
def test_it_finds_how_a_vendor_counts(vendor: tuple[float, float, float], seed: int) -> None:
    fit = taught(Fit.of(PROMPT), answers(vendor, seed, 120))
    left = errors(fit, answers(vendor, seed + 1, 100))
    assert left[50] < 0.05
    before = errors(Fit.of(PROMPT), answers(vendor, seed + 1, 100))
    assert sum(left) <= sum(before) + 0.5


@given(vendors, seeds)
def test_it_follows_a_change_of_tokenizer(vendor: tuple[float, float, float], seed: int) -> None:
    old = taught(Fit.of(PROMPT), answers((3.0, 4.0, 1.0), seed, 300))
    assert errors(taught(old, answers(vendor, seed, 180)), answers(vendor, seed + 1, 100))[50] < 0.1


@given(vendors, seeds, st.integers(0, 90), reals, features)
def test_a_single_answer_does_not_throw_it_off(
    vendor: tuple[float, float, float],
    seed: int,
    place: int,
    lie: int,
    asked: tuple[int, ...],
) -> None:
    """Wherever a lie of any size stands: what comes of it is what comes without it, nearly."""
    honest = answers(vendor, seed, 90, noise=0.03)
    fit = taught(Fit.of(PROMPT), [*honest[:place], (asked, lie), *honest[place:]])
    assert errors(fit, answers(vendor, seed + 1, 100))[50] < 0.15


@given(st.lists(st.tuples(features, reals), max_size=40), features)
def test_whatever_is_told_the_estimate_keeps_its_bounds(
    told: list[Answer], asked: tuple[int, int, int]
) -> None:
    expected = Fit.of(PROMPT).estimate(asked)
    found = taught(Fit.of(PROMPT), told).estimate(asked)
    assert expected / FURTHEST <= found <= expected * FURTHEST


@given(st.lists(st.tuples(features, reals), max_size=20))
def test_the_same_answers_teach_the_same(told: list[Answer]) -> None:
    assert taught(Fit.of(PROMPT), told) == taught(Fit.of(PROMPT), told)


def test_one_liar_in_five_is_not_believed() -> None:
    chance, fit = Random(1), Fit.of(FACTOR)  # noqa: S311 (no secret)
    for _ in range(300):
        real = 80 if chance.random() < 0.8 else chance.choice((0, 10**6))
        fit = fit.learned((100,), real)
    assert fit.estimate((100,)) == pytest.approx(80, rel=0.15)


def test_of_requests_that_are_all_alike_nothing_is_made_up() -> None:
    fit = taught(Fit.of(PROMPT), [((1, 1, 100), 150)] * 300)
    assert fit.estimate((1, 1, 100)) == pytest.approx(150, rel=0.01)
    assert all(0.5 < one < 20 for one in fit.coefficients)
    assert 57 < fit.estimate((1, 1, 50)) < 100  # nobody knows whether it was overhead or factor


def test_what_is_surprising_is_said_once_three_agree() -> None:
    fit = taught(Fit.of(FACTOR), [((100,), 100)] * 90)
    lied = fit.learned((100,), 300).learned((100,), 100).learned((100,), 100)
    assert not lied.surprised
    changed = fit.learned((100,), 300).learned((100,), 100).learned((100,), 300)
    assert changed.surprised
