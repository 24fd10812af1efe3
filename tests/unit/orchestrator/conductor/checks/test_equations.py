"""Wrong arithmetic is found, and nothing else is taken for it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.checks.claims import claims, close
from orchestrator.conductor.checks.equations import wrong_equations

NUMBERS = st.integers(0, 9999)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("17 * 23 = 392", "17 * 23 is 391"),
        ("So 17 × 23 = 392.", "17 * 23 is 391"),
        ("**17 * 23 = 392**", "17 * 23 is 391"),
        ("1. 17 x 23 = 392", "17 * 23 is 391"),
        (r"\( 17 \times 23 = 392 \)", "17 * 23 is 391"),
        (r"$\frac{1}{2} + \frac{1}{3} = \frac{5}{7}$", ""),
        ("$3 + $4 = $8", "3 + 4 is 7"),
        ("1,234 + 1 = 1,236", "1,234 + 1 is 1235"),
        ("2 * 3 + 4 = 6 + 4 = 11", "6 + 4 is 10"),
        ("3 - 5 = -3", "3 - 5 is -2"),
        ("391 = 17 * 24", "17 * 24 is 408"),
        ("(1 + 2) * 3 = 10", "(1 + 2) * 3 is 9"),
        ("x = 5 * 3 = 16", "5 * 3 is 15"),
        ("10 / 3 = 3.43", "about 3.333333333"),
        ("1 + 1 = 3 in total", "1 + 1 is 2"),
        ('He says "1 + 1 = 3".', "1 + 1 is 2"),
        ("5 + 4 = 2 * 4", "5 + 4 is 9, 2 * 4 is 8"),
        ("Fine.\n4 * 5 = 20, and\n- 4 * 6 = 25", "4 * 6 is 24"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    found = wrong_equations(text)
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "17 * 23 = 391",
        "10 / 3 = 3.33",
        "2 / 3 = 0.667",
        "2 / 3 = 0.666",
        "0.1 + 0.2 = 0.30000000000000004",
        "17 / 5 = 3",
        "2^10 = 1024",
        "2^2 + 3 = 7",
        "2 ** 3 + 1 = 9",
        "x + 3 = 7",
        "2x + 3 = 7",
        "f(3) + 1 = 10",
        "sqrt(16) + 1 = 5",
        "the square root of 16 + 9 = 5",
        "3! + 1 = 7",
        "5 % 3 = 2",
        "3,14 + 1 = 4,14",
        "17 + 8 = 1 (mod 24)",
        "1 + 1 = 10 in binary",
        "17 / 5 = 3 remainder 2",
        "1 + 2 = 4 is wrong",
        "1 + 2 ≠ 4",
        "if 1 + 2 = 4, then",
        "5 + 3 = 8x",
        "5 km + 300 m = 6 km",
        "a <= 5 * 3 = 16",
        "x == 3 + 4 == 8",
        "1 / 0 = 3",
        "5 = 6",
        "f'(0) = 3",
        "f'(0) + 1 = 3",
        "√16 + 9 = 5",
        "√ 16 + 9 = 5",
        "3:4 + 1 = 5",
        "5 ± 1 + 2 = 3",
        "",
    ],
)
def test_what_may_be_right_is_let_pass(text: str) -> None:
    assert wrong_equations(text) == ()


@given(NUMBERS, NUMBERS, st.sampled_from("+-*"), st.integers(-3, 3))
def test_whole_numbers(a: int, b: int, sign: str, error: int) -> None:
    exact = {"+": a + b, "-": a - b, "*": a * b}[sign]
    found = wrong_equations(f"We get {a} {sign} {b} = {exact + error}.")
    assert len(found) == (error != 0)


@given(st.integers(1, 999), st.integers(1, 999), st.integers(0, 8))
def test_rounded_and_cut_quotients(a: int, b: int, digits: int) -> None:
    cut = Fraction(a * 10**digits // b, 10**digits)
    for written in (f"{a / b:.{digits}f}", f"{float(cut):.{digits}f}"):
        assert wrong_equations(f"{a} / {b} = {written}") == ()
    off = f"{a / b + 2.01 / 10**digits:.{digits}f}"
    assert len(wrong_equations(f"{a} / {b} = {off}")) == 1


@given(st.text(alphabet="0123456789+-*/=(). ,xm$\\\n", max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    wrong_equations(text)
    for claim in claims(text):
        assert "=" not in claim.left + claim.right


def test_at_most_three_are_told_and_each_once() -> None:
    assert len(wrong_equations("\n".join(f"{n} + 1 = {n}" for n in range(9)))) == 3
    assert len(wrong_equations("1 + 1 = 3\n" * 5)) == 1


def test_close() -> None:
    assert close(Fraction(1, 3), "0.33")
    assert not close(Fraction(1, 3), "0.35")
    assert not close(Fraction(53, 10), "5.4")
