"""Exact arithmetic on what a model wrote: numbers, ``+ - * /`` and parentheses, nothing else.

The expression is parsed by :mod:`ast` and its tree is walked; it is never run.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

_LONGEST = 400
_MOST_DIGITS = 12
_CHARACTERS = re.compile(r"[0-9+\-*/() \t]+")  # [0-9]: \d would take digits of other scripts
_WITH_DECIMALS = re.compile(r"[0-9.+\-*/() \t]+")
_SPELLINGS = (
    ("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"), ("\\left", ""), ("\\right", ""),
    ("×", "*"), ("·", "*"), ("⋅", "*"), ("÷", "/"), ("−", "-"), ("–", "-"),
)  # fmt: skip
_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class NotArithmetic(Exception):
    """The text is not such an expression, or has no value; says why."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an expression comes to.

    Args:
        value: Exactly.
        numbers: The whole ones written in it, from left to right.
    """

    value: Fraction
    numbers: tuple[int, ...]


def plain(text: str) -> str:
    """Write a text's signs of arithmetic as Python does: ``×``, ``÷`` and LaTeX's names."""
    for spelling, sign in _SPELLINGS:
        text = text.replace(spelling, sign)
    return text


def evaluate(text: str, *, signs: bool = False, decimals: bool = False) -> Evaluated:
    """Evaluate an expression of whole numbers exactly.

    Args:
        text: The expression; ``×``, ``÷`` and LaTeX's names are understood.
        signs: Whether a number may have a sign of its own, as in ``2 - -3``.
        decimals: Whether a number may have a decimal point.

    Raises:
        NotArithmetic: If it is anything else, or divides by zero.
    """
    text = plain(text)
    if len(text) > _LONGEST:
        raise NotArithmetic(f"longer than {_LONGEST} characters")
    text = text.strip()
    if not (_WITH_DECIMALS if decimals else _CHARACTERS).fullmatch(text):
        raise NotArithmetic("holds something other than numbers, + - * / and parentheses")
    numbers: list[int] = []
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text, mode="eval")
        value = _value(tree.body, numbers, signs=signs)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotArithmetic("is not an expression") from error
    except ZeroDivisionError as error:
        raise NotArithmetic("divides by zero") from error
    return Evaluated(value, tuple(numbers))


def _value(node: ast.expr, numbers: list[int], *, signs: bool) -> Fraction:
    if isinstance(node, ast.BinOp):
        operation = _OPERATIONS.get(type(node.op))
        if operation is None:
            raise NotArithmetic("has another operation than + - * /")
        left = _value(node.left, numbers, signs=signs)
        return operation(left, _value(node.right, numbers, signs=signs))
    if isinstance(node, ast.UnaryOp) and signs and isinstance(node.op, ast.UAdd | ast.USub):
        value = _value(node.operand, numbers, signs=signs)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Constant) and type(node.value) is float:
        return Fraction(repr(node.value))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        if node.value >= 10**_MOST_DIGITS:
            raise NotArithmetic(f"has a number of more than {_MOST_DIGITS} digits")
        numbers.append(node.value)
        return Fraction(node.value)
    raise NotArithmetic("has something other than numbers and + - * /")
