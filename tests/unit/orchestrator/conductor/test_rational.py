"""Exact arithmetic: agrees with fractions on what it takes, and takes nothing else."""

from __future__ import annotations

import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.rational import NotArithmetic, evaluate

OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
Tree = int | tuple["Tree", str, "Tree"]
TREES = st.recursive(
    st.integers(0, 99),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner),
    max_leaves=8,
)


def text_of(tree: Tree) -> str:
    if isinstance(tree, int):
        return str(tree)
    left, sign, right = tree
    return f"({text_of(left)} {sign} {text_of(right)})"


def value_of(tree: Tree) -> Fraction:
    if isinstance(tree, int):
        return Fraction(tree)
    left, sign, right = tree
    value: Fraction = OPERATIONS[sign](value_of(left), value_of(right))
    return value


def numbers_of(tree: Tree) -> list[int]:
    return [tree] if isinstance(tree, int) else numbers_of(tree[0]) + numbers_of(tree[2])


@given(TREES)
def test_it_comes_to_what_fractions_come_to(tree: Tree) -> None:
    try:
        value = value_of(tree)
    except ZeroDivisionError:
        with pytest.raises(NotArithmetic, match="divides by zero"):
            evaluate(text_of(tree))
        return
    found = evaluate(text_of(tree))
    assert found.value == value
    assert list(found.numbers) == numbers_of(tree)


@given(st.text(max_size=60))
def test_whatever_it_takes_holds_only_digits_and_signs(text: str) -> None:
    try:
        evaluate(text)
    except NotArithmetic:
        return
    allowed = set("0123456789+-*/() \t×·⋅÷−–\\timescdvlfrgh\n")
    assert set(text) <= allowed


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "(1).real",
        "1 if 1 else 2",
        "[1, 2][0]",
        "2 ** 3",
        "9**9**9**9",
        "7 // 2",
        "7 % 2",
        "1 << 70",
        "-1 + 2",
        "+1",
        "~1",
        "1.5 * 2",
        "1e3",
        "0x18",
        "1_000",
        "2(3)",
        "(1, 2)",
        "١ + ٢",
        "１ + ２",
        "²",
        "1 + 2 # 3",
        "1 +\n2",
        "1;2",
        "lambda: 1",
        "a",
        "",
        " ",
        "()",
        "(1",
        "1 +",
        "9" * 13,
        "(" * 250 + "1",
        "1" + " + 1" * 200,
        "1/0",
        "1/(2-2)",
        "007",
    ],
)
def test_nothing_else_is_arithmetic(text: str) -> None:
    with pytest.raises(NotArithmetic):
        evaluate(text)


def test_signs_of_numbers_are_taken_where_they_are_asked_for() -> None:
    assert evaluate("((-9 * -5 - 6 + -2) - (-8 - -6 * -3 * 1))", signs=True).value == 63
    assert evaluate("(" * 150 + "1" + ")" * 150).value == 1
    assert evaluate("(8 ÷ 4) × 3 − 1").value == 5
    assert evaluate(r"\left(8 \div 4\right) \times 3 \cdot 1").value == 6
