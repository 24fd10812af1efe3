from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.providers.last_value import keep_last, number, shown, too_long


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("1 + 1", "_ = 1 + 1\nNone"),
        ("x = 1; x;  # end", "x = 1; _ = x\nNone"),
        ("x = 'é'; x + 'ü'", "x = 'é'; _ = x + 'ü'\nNone"),
        ("f(\n 1,\n)\n", "_ = f(\n 1,\n)\nNone"),
        ("*a, b", "_ = *a, b\nNone"),
        ("(n := 5)", "_ = (n := 5)\nNone"),
    ],
)
def test_a_last_expression_is_kept(code: str, kept: str) -> None:
    assert keep_last(code) == (kept, True)


@pytest.mark.parametrize(
    "code", ["x = 1", "", "# a", "x = = 1", "if x:\n    y", "(" * 999, "a" * 30_000]
)
def test_anything_else_ends_with_nothing(code: str) -> None:
    assert keep_last(code) == (code + "\nNone", False)


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_rest_of_a_program_stays(before: str, value: str) -> None:
    code, kept = keep_last(f"x = {before!r}\ny = [x]\r\n{value!r}  # {'ü' * len(before)}")
    assert kept
    body = ast.parse(code).body
    assert [type(each) for each in body] == [ast.Assign, ast.Assign, ast.Assign, ast.Expr]
    assert ast.literal_eval(ast.unparse(body[2]).removeprefix("_ = ")) == value


@given(st.text())
def test_words_are_shown_unquoted(text: str) -> None:
    assert shown(repr(text)) == text


@given(st.floats(allow_nan=False) | st.integers() | st.complex_numbers())
def test_numbers(value: complex) -> None:
    said = number(repr(value))
    if isinstance(value, int):
        assert said == str(value)
    elif isinstance(value, float):
        assert said == f"{value:.15g}"
    else:
        assert said == repr(value)


def test_other_values_are_shown_as_they_are() -> None:
    assert [shown(text) for text in ("None", "[1]", "'unclosed", "b'x'")] == [
        "",
        "[1]",
        "'unclosed",
        "b'x'",
    ]


def test_how_long_a_number_is() -> None:
    assert "about 30103 digits" in too_long(f"{2**100000:x}")
