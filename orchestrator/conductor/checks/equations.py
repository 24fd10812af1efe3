"""Arithmetic that an answer says to come out, worked out exactly."""

from __future__ import annotations

from fractions import Fraction

from orchestrator.conductor.checks.claims import Claim, claims, close, terms, unit_of
from orchestrator.conductor.rational import NotArithmetic, evaluate

_MOST = 3


def wrong_equations(answer: str) -> tuple[str, ...]:
    """Say which equations between numbers are wrong, at most three.

    A number that is written with fewer digits than the exact one has is right if it is that one
    rounded or cut.
    """
    found = (said for claim in dict.fromkeys(claims(answer)) if (said := _wrong(claim)))
    return tuple(said for said, _ in zip(found, range(_MOST), strict=False))


def _wrong(claim: Claim) -> str:
    if any(unit_of(term) for side in (claim.left, claim.right) for term in terms(side)):
        return ""
    left, right = _value(claim.left), _value(claim.right)
    if left is None or right is None or left == right:
        return ""
    for side, other, exact in ((claim.right, claim.left, left), (claim.left, claim.right, right)):
        if _alone(side) and not _alone(other):
            if "(" in side or close(-exact if "-" in side else exact, side.lstrip("-+ ")):
                return ""
            return f"{claim} is wrong: {other} is {_written(exact)}"
    if (_alone(claim.left) and _alone(claim.right)) or "." in str(claim) or "/" in str(claim):
        return ""
    return f"{claim} is wrong: {claim.left} is {_written(left)}, {claim.right} is {_written(right)}"


def _value(side: str) -> Fraction | None:
    try:
        return evaluate(side.replace(",", ""), signs=True, decimals=True).value
    except NotArithmetic:
        return None


def _alone(side: str) -> bool:
    """Tell whether a side is a number, perhaps with a sign or in parentheses."""
    return not any(sign in side.lstrip("-+ (") for sign in "+-*/")


def _written(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    shown = f"{float(value):.10g}"
    return shown if Fraction(shown) == value else f"{value} (about {shown})"
