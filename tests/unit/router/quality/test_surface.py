from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.quality.surface import NAMES, surface, surfaces


def named(text: str) -> dict[str, float]:
    return dict(zip(NAMES, surface(text).tolist(), strict=True))


def test_what_is_measured() -> None:
    found = named("What is 12 + 30 = ?\nA. 42\nB. none of these")
    assert found["digits"] == pytest.approx(6 / 41)
    assert found["lines"] == pytest.approx(np.log(3))
    assert found["question"] == 0.0
    assert found["all_or_none"] == 1.0
    assert found["equals"] == pytest.approx(np.log(2))
    assert found["lines_with_digits"] == pytest.approx(2 / 3)
    assert found["code"] == found["statement"] == found["dollar"] == 0.0


def test_text_beyond_ascii_is_counted() -> None:
    assert named("äöü=")["beyond_ascii"] == pytest.approx(75.0)


def test_case_does_not_count() -> None:
    text = "Which statement is not true of x = 3?"
    np.testing.assert_array_equal(surface(text), surface(text.upper()))


@pytest.mark.parametrize(
    "other",
    [
        "Given 1,000 coins how many are left",
        "Given 1,000 coins, how many are left???",
        "  Given 1,000 coins; how many are left...\n",
    ],
)
def test_marks_at_the_ends_of_words_do_not_count(other: str) -> None:
    np.testing.assert_array_equal(surface(other), surface("Given 1,000 coins, how many are left?"))


def test_marks_within_words_do() -> None:
    assert named("Solve f(x)=?1,000")["question"] == 1.0
    assert named("Add 1,000 and 2,000")["commas"] == pytest.approx(np.log(3))


def test_several_at_once_are_the_same() -> None:
    texts = ["one", "", "two\n\n3"]
    np.testing.assert_array_equal(surfaces(texts), np.array([surface(text) for text in texts]))
    assert surfaces([]).shape == (0, len(NAMES))


def test_a_long_text_is_cut() -> None:
    started = time.perf_counter()
    found = surface("word 1 " * 200_000)
    assert time.perf_counter() - started < 0.1
    assert found[0] == pytest.approx(np.log1p(8000))


@given(st.text())
def test_any_text_has_finite_features(text: str) -> None:
    found = surface(text)
    assert found.shape == (len(NAMES),)
    assert np.isfinite(found).all()


def test_half_a_surrogate_pair_does_no_harm() -> None:
    assert np.isfinite(surface("\ud83d broken")).all()
