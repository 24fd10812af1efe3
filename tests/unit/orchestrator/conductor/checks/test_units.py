"""Quantities: dimensions and magnitudes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.checks.units import unit, wrong_quantities


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5 km + 300 m = 5.4 km", "5 km + 300 m is 5.3 km"),
        ("60 km / 2 h = 31 km/h", "is 30 km/h"),
        ("72 km/h = 21 m/s", "72 km/h is 20 m/s"),
        ("5 km + 3 s = 8 km", "length and time are added"),
        ("5 m * 2 m = 10 m", "length^2 on the left, length on the right"),
        ("2 hours = 100 minutes", "is 120 minutes"),
        ("1 kWh = 3.7 MJ", "is 3.6 MJ"),
        ("1 mile = 2.6 km", "is 1.609344 km"),
        ("100 cm = 2 m", "is 1 m"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    (found,) = wrong_quantities(text)
    assert said in found


@pytest.mark.parametrize(
    "text",
    [
        "5 km + 300 m = 5.3 km",
        "60 km / 2 h = 30 km/h",
        "1 mile = 1.6 km",
        "3 * 5 kg = 15 kg",
        "2 hours = 120 minutes",
        "5 m * 2 m = 10 m^2",
        "1 N = 1 kg·m/s^2",
        "9.81 m/s² * 10 kg = 98.1 N",
        "2 kilometres = 2000 metres",
        "8 bit = 1 B",
        "10 + 5 = 15 km",
        "4 apples + 3 apples = 8 apples",
        "20 C = 68 F",
        "1 ounce = 29.57 milliliters",
        "17 * 23 = 392",
        "1 m = 2 m is wrong",
        "5 m / 0 s = 1 m/s",
    ],
)
def test_what_may_be_right_is_let_pass(text: str) -> None:
    assert wrong_quantities(text) == ()


@given(
    st.integers(1, 10**6),
    st.sampled_from([("km", "m", 1000), ("h", "min", 60), ("kg", "g", 1000), ("mi", "ft", 5280)]),
    st.integers(-2, 2),
)
def test_conversions(amount: int, pair: tuple[str, str, int], error: int) -> None:
    large, small, factor = pair
    text = f"{amount} {large} = {amount * factor + error} {small}"
    assert len(wrong_quantities(text)) == (error != 0)


@given(st.text(alphabet="0123456789+-*/=(). kmshg^²\n", max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    wrong_quantities(text)


def test_units() -> None:
    speed, metre, second = unit("km/h"), unit("m"), unit("s")
    assert speed is not None
    assert metre is not None
    assert second is not None
    assert speed.value == Fraction(5, 18)
    assert speed.dimension == (metre / second).dimension
    assert unit("furlong") is None
    assert unit("in") is None
