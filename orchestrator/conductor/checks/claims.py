"""Claims of equality in a text, ``17 * 23 = 391`` or ``5 km + 300 m = 5.3 km``, as their two sides.

Only what stands alone is read: where a variable, a function, a power or a word could belong to a
side, or the line speaks of something wrong, there is no claim. A wrong objection costs an answer, a
claim that is not read only a check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from orchestrator.conductor.rational import plain

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?"
_UNIT = r"[A-Za-zµμΩ]+(?:\^?-?[1-9](?!\d)|[²³])?"
_GOING_ON = (
    r"(?:and|so|which|is|are|then|because|since|as|the|but|or|for|in|to|we|you|it|that|with|by|where|"
    r"thus|hence|therefore|now|next|on|from|when|after|while|gives)\b"
)
"""Words of the sentence, and none of the quantity."""
_QUANTITY = rf"{_NUMBER}(?:[ \t]*(?!{_GOING_ON}){_UNIT}(?:[/·]{_UNIT})*)?"
_SIDE = (
    rf"[-+]?[ \t]*\(*[ \t]*{_QUANTITY}(?:[ \t]*\)*[ \t]*[-+*/][ \t]*\(*[ \t]*{_QUANTITY})*[ \t]*\)*"
)
_CHAIN = re.compile(
    rf"(?<![^\s\x22\[{{|;])({_SIDE}(?:[ \t]*=[ \t]*{_SIDE})+)"
    rf"(?![\w^*/+=<>!%°(]|[ \t]+(?!{_GOING_ON})[\w^*/+=<>%°(])"
)
_TERM = re.compile(_QUANTITY)
_BOLD = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])")
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_MARKS = re.compile(r"\\[()\[\],;!]|[$`]|\\text\{[^{}]*\}")
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_CROSS = re.compile(r"(?<=\d)[ \t]*(?<!\b0)[xX][ \t]*(?=\d)")
_DOUBTFUL = re.compile(
    r"≠|\b(?:not|wrong|incorrect|false|mistaken?|error|never|cannot|\w+n't|mod|modulo|base|binary|octal|"
    r"hex\w*|remainder|rem|if|suppose|assume|claims?|claimed|instead)\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:[\d)\]}]|\b(?:[A-Za-z]|log|ln|sin|cos|tan|sqrt|root|exp|abs|of|mod|minus|plus|times|over|by|"
    r"negative|percent|gcd|lcm|to|and)|[-+*/^<>≈√∑∏∫±'’]|[<>!=]=)[ \t]*$",
    re.IGNORECASE,
)
_NOISE = Fraction(1, 10**12)
"""Of floating-point numbers, as programs print them."""
_LONGEST_LINE = 400
_MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Claim:
    """Two sides that are said to be equal.

    Args:
        left: As it is written.
        right: As it is written.
    """

    left: str
    right: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.left} = {self.right}"


def claims(text: str) -> Iterator[Claim]:
    """Yield what a text says to be equal, line by line."""
    for line in text.splitlines()[:_MOST_LINES]:
        if "=" not in line or len(line) > _LONGEST_LINE or _DOUBTFUL.search(line):
            continue
        line = _tidied(line)
        for chain in _CHAIN.finditer(line):
            if _BEFORE.search(line, 0, chain.start()):
                continue
            sides = [side.strip() for side in chain[1].split("=")]
            for left, right in pairwise(sides):
                yield Claim(left, right)


def terms(side: str) -> list[str]:
    """Return the numbers of a side, each with its unit."""
    return [term.strip() for term in _TERM.findall(side)]


def unit_of(term: str) -> str:
    """Return the unit of a number; empty where it has none."""
    return re.sub(rf"^{_NUMBER}[ \t]*", "", term)


def value_of(term: str) -> Fraction:
    """Return a number without its unit, exactly as written."""
    return Fraction(_digits(term))


def close(exact: Fraction, written: str) -> bool:
    """Tell whether a number as written is an exact one, rounded or cut where it has more digits.

    Args:
        exact: The number.
        written: Its digits, perhaps with a unit.
    """
    digits = _digits(written)
    step = Fraction(1, 10 ** len(digits.partition(".")[2]))
    if (exact / step).denominator == 1 and step > _NOISE:
        return exact == Fraction(digits)
    return abs(exact - Fraction(digits)) < max(step, _NOISE)


def _digits(term: str) -> str:
    found = re.match(_NUMBER, term)
    return found[0].replace(",", "") if found else "0"


def _tidied(line: str) -> str:
    """Take out what is form: list marks, bold, LaTeX."""
    line = _BOLD.sub("", _LIST.sub("", line))
    line = _FRACTION.sub(r"((\1)/(\2))", line)
    line = " ".join(plain(_MARKS.sub("", line)).split())
    return _CROSS.sub(" * ", line)
