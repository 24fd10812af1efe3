"""Quantities that an answer says to be equal: their dimensions, and how much they are in one unit.

Units of the SI with their prefixes, and common others by their exact definitions (NIST SP 811,
appendix B). What can mean two things (``in``, ``C``, ``F``, ounces) is left out, as are temperatures.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from orchestrator.conductor.checks.claims import Claim, claims, close, terms, unit_of, value_of

_MOST = 3
_BASES = ("length", "mass", "time", "current", "temperature", "amount", "light", "data")
Dimension = tuple[int, ...]

_PREFIXES = {
    "n": -9, "µ": -6, "μ": -6, "m": -3, "c": -2, "d": -1, "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
_WORD_PREFIXES = {"nano": -9, "micro": -6, "milli": -3, "centi": -2, "deci": -1, "kilo": 3, "mega": 6,
                  "giga": 9}  # fmt: skip
_SI: dict[str, tuple[str, str]] = {
    "m": ("1", "m"), "g": ("1/1000", "kg"), "s": ("1", "s"), "A": ("1", "A"), "K": ("1", "K"),
    "mol": ("1", "mol"), "cd": ("1", "cd"), "Hz": ("1", "s-1"), "N": ("1", "kg m s-2"),
    "Pa": ("1", "kg m-1 s-2"), "J": ("1", "kg m2 s-2"), "W": ("1", "kg m2 s-3"),
    "V": ("1", "kg m2 s-3 A-1"), "Ω": ("1", "kg m2 s-3 A-2"), "ohm": ("1", "kg m2 s-3 A-2"),
    "L": ("1/1000", "m3"), "l": ("1/1000", "m3"), "Wh": ("3600", "kg m2 s-2"),
    "B": ("8", "bit"), "bit": ("1", "bit"), "cal": ("4.184", "kg m2 s-2"), "bar": ("100000", "kg m-1 s-2"),
}  # fmt: skip
_OTHERS: dict[str, tuple[str, str]] = {
    "min": ("60", "s"), "minute": ("60", "s"), "h": ("3600", "s"), "hr": ("3600", "s"),
    "hour": ("3600", "s"), "day": ("86400", "s"), "week": ("604800", "s"), "second": ("1", "s"),
    "sec": ("1", "s"), "inch": ("0.0254", "m"), "inches": ("0.0254", "m"), "ft": ("0.3048", "m"),
    "foot": ("0.3048", "m"), "feet": ("0.3048", "m"), "yd": ("0.9144", "m"), "yard": ("0.9144", "m"),
    "mi": ("1609.344", "m"), "mile": ("1609.344", "m"), "mph": ("0.44704", "m s-1"),
    "kph": ("5/18", "m s-1"), "lb": ("0.45359237", "kg"), "lbs": ("0.45359237", "kg"), "t": ("1000", "kg"),
    "tonne": ("1000", "kg"), "ha": ("10000", "m2"), "hectare": ("10000", "m2"),
    "acre": ("4046.8564224", "m2"), "atm": ("101325", "kg m-1 s-2"), "KiB": ("8192", "bit"),
    "MiB": ("8388608", "bit"), "GiB": ("8589934592", "bit"), "byte": ("8", "bit"),
}  # fmt: skip
_WORDS = {
    "metre": "m", "meter": "m", "gram": "g", "litre": "L", "liter": "L", "newton": "N", "joule": "J",
    "watt": "W", "volt": "V", "pascal": "Pa", "hertz": "Hz", "ampere": "A", "kelvin": "K", "mole": "mol",
}  # fmt: skip
_NAMES = dict(zip(("m", "kg", "s", "A", "K", "mol", "cd", "bit"), range(len(_BASES)), strict=True))
_POWER = re.compile(r"(.*?)\^?(-?[1-9]|[²³])?")
_SUPERSCRIPTS = {"²": "2", "³": "3"}


class _Unlike(Exception):
    """Quantities of different dimensions are added."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a dimension.

    Args:
        value: In units of the SI.
        dimension: Powers of the base units.
    """

    value: Fraction
    dimension: Dimension = (0,) * len(_BASES)

    def __add__(self, other: Quantity) -> Quantity:
        """Return the sum of two of one dimension."""
        if self.dimension != other.dimension:
            raise _Unlike(f"{_named(self.dimension)} and {_named(other.dimension)} are added")
        return Quantity(self.value + other.value, self.dimension)

    def __sub__(self, other: Quantity) -> Quantity:
        """Return the difference of two of one dimension."""
        return self + Quantity(-other.value, other.dimension)

    def __mul__(self, other: Quantity) -> Quantity:
        """Return the product."""
        powers = zip(self.dimension, other.dimension, strict=True)
        return Quantity(self.value * other.value, tuple(a + b for a, b in powers))

    def __truediv__(self, other: Quantity) -> Quantity:
        """Return the quotient."""
        inverse = Quantity(1 / other.value, tuple(-power for power in other.dimension))
        return self * inverse


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def wrong_quantities(answer: str) -> tuple[str, ...]:
    """Say which equations between quantities are wrong, at most three."""
    found = (said for claim in dict.fromkeys(claims(answer)) if (said := _wrong(claim)))
    return tuple(said for said, _ in zip(found, range(_MOST), strict=False))


@lru_cache(maxsize=1024)
def unit(name: str) -> Quantity | None:
    """Return one of a unit, such as ``km/h`` or ``m^2``; ``None`` where it is not known."""
    whole = Quantity(Fraction(1))
    for place, part in enumerate(re.split(r"[/·]", name)):
        found = _simple(part)
        if found is None:
            return None
        divides = place > 0 and "/" in name
        whole = whole / found if divides else whole * found
    return whole


def _simple(name: str) -> Quantity | None:
    split = _POWER.fullmatch(name)
    base = _base(split[1]) if split else None
    if split is None or base is None:
        return None
    power = int(_SUPERSCRIPTS.get(split[2] or "1", split[2] or "1"))
    raised = Quantity(Fraction(1))
    for _ in range(abs(power)):
        raised = raised * base
    return raised if power > 0 else Quantity(Fraction(1)) / raised


def _base(name: str) -> Quantity | None:
    for each in (name, name.removesuffix("s")):
        if each in _SI and (each == name or len(each) > 2):
            return _defined(*_SI[each])
        if each in _OTHERS and (each == name or len(each) > 2):
            return _defined(*_OTHERS[each])
        for prefix, power in (*_WORD_PREFIXES.items(), ("", 0)):
            word = _WORDS.get(each.removeprefix(prefix)) if each.startswith(prefix) else None
            if word is not None:
                return _scaled(_defined(*_SI[word]), power)
    if name[:1] in _PREFIXES and name[1:] in _SI:
        return _scaled(_defined(*_SI[name[1:]]), _PREFIXES[name[0]])
    return None


def _scaled(quantity: Quantity, power: int) -> Quantity:
    return Quantity(quantity.value * Fraction(10) ** power, quantity.dimension)


def _defined(factor: str, bases: str) -> Quantity:
    powers = [0] * len(_BASES)
    for each in bases.split():
        found = re.fullmatch(r"([A-Za-z]+)(-?\d)?", each)
        if found is not None:
            powers[_NAMES[found[1]]] = int(found[2] or 1)
    return Quantity(Fraction(factor), tuple(powers))


def _wrong(claim: Claim) -> str:
    both = [*terms(claim.left), *terms(claim.right)]
    units = [unit_of(term) for term in both]
    if not any(units) or any(unit(name) is None for name in units if name):
        return ""
    try:
        left, right = _value(claim.left), _value(claim.right)
    except _Unlike as unlike:
        return f"{claim} is wrong: {unlike}"
    if left is None or right is None or left == right:
        return ""
    if not any(left.dimension) or not any(right.dimension):
        return ""  # "10 + 5 = 15 km" is only short for what is meant
    if left.dimension != right.dimension:
        what = f"{_named(left.dimension)} on the left, {_named(right.dimension)} on the right"
        return f"{claim} is wrong: there is {what}"
    return _differing(claim, left, right)


def _differing(claim: Claim, left: Quantity, right: Quantity) -> str:
    """Say that amounts differ, unless one is the other rounded."""
    for side, other, exact in ((claim.right, claim.left, left), (claim.left, claim.right, right)):
        alone = terms(side)
        if len(alone) == 1 and alone[0] == side:
            name = unit_of(side)
            one = unit(name) if name else Quantity(Fraction(1))
            if one is None or close(exact.value / one.value, side):
                return ""
            return f"{claim} is wrong: {other} is {float(exact.value / one.value):.10g} {name}".rstrip()
    return ""


def _value(side: str) -> Quantity | None:
    """Work out a side: each number with its unit is a name in an expression that Python parses."""
    quantities: list[Quantity] = []

    def named(term: re.Match[str]) -> str:
        name = unit_of(term[0].strip())
        one = unit(name) if name else Quantity(Fraction(1))
        quantities.append(one * Quantity(value_of(term[0])) if one else Quantity(Fraction(0)))
        return f" q{len(quantities) - 1} "

    pattern = "|".join(re.escape(term) for term in sorted(set(terms(side)), key=len, reverse=True))
    try:
        tree = ast.parse(re.sub(pattern, named, side).strip(), mode="eval")
        return _walked(tree.body, quantities)
    except (SyntaxError, ZeroDivisionError, RecursionError, LookupError):
        return None


def _walked(node: ast.expr, quantities: list[Quantity]) -> Quantity:
    if isinstance(node, ast.BinOp):
        left, right = _walked(node.left, quantities), _walked(node.right, quantities)
        found: Quantity = _OPERATIONS[type(node.op)](left, right)
        return found
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _walked(node.operand, quantities)
        return Quantity(-inner.value, inner.dimension)
    if isinstance(node, ast.Name):
        return quantities[int(node.id[1:])]
    raise LookupError("not a quantity")


def _named(dimension: Dimension) -> str:
    parts = [
        name if power == 1 else f"{name}^{power}"
        for name, power in zip(_BASES, dimension, strict=True)
        if power
    ]
    return " ".join(parts) or "a plain number"
