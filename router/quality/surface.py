"""What the form of a prompt tells: length, numbers, formulas, lines, code.

Experts differ in what they can do (calculate, read long texts, follow a layout) at least as much as
in what they know, and a vector of meanings tells little of that. Case is left out on purpose: the
same prompt in capitals should be answered by the same expert. So are the marks at the ends of words
and what stands at the end of all, as some people write none of them and others three.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

MAX_CHARACTERS = 8000
_LAST_LINES = 10

NAMES = (
    "characters",
    "first_line",
    "lines",
    "digits",
    "root_digits",
    "backslashes",
    "dollar",
    "equals",
    "question",
    "negation",
    "blank",
    "stops",
    "commas",
    "brackets",
    "beyond_ascii",
    "word_length",
    "lines_with_digits",
    "last_lines",
    "long_with_digits",
    "statement",
    "all_or_none",
    "operators",
    "code",
    "distinct_words",
)
"""What is measured, in the order of the columns."""

_MARKS = re.compile(r"[,;!?]+(?=\s|$)")
_DIGITS = frozenset("0123456789")
_COUNTED = ("0123456789", "\\", "=", ".", ",", "(", "+-*/^=<>")
_CLASSES = np.array(
    [[float(chr(code) in characters) for characters in _COUNTED] for code in range(128)],
    dtype=np.float32,
)


def surface(text: str) -> FloatArray:
    """Return the features of one prompt, shape (len(NAMES),); some ten microseconds.

    Args:
        text: Cut to 8,000 characters.
    """
    text = _MARKS.sub("", text[:MAX_CHARACTERS].lower()).strip().rstrip(".")
    length = max(len(text), 1)
    plain = text.encode("ascii", "ignore")
    codes = np.frombuffer(plain, dtype=np.uint8)
    counts = (np.bincount(codes, minlength=128) @ _CLASSES).tolist()
    digits, backslashes, equals, stops, commas, brackets, operators = counts
    words = text.split()
    lines = [line for line in text.split("\n") if line and not line.isspace()] or [""]
    last = lines[-_LAST_LINES:]
    first = math.log1p(len(lines[0]))
    numeric = sum(not _DIGITS.isdisjoint(line) for line in last) / len(last)
    return np.array(
        (
            math.log1p(len(text)),
            first,
            math.log1p(text.count("\n")),
            digits / length,
            math.sqrt(digits / length),
            100.0 * backslashes / length,
            "$" in text,
            math.log1p(equals),
            "?" in text,
            " not " in text or " except" in text or "n't " in text,
            "__" in text,
            math.log1p(stops),
            math.log1p(commas),
            math.log1p(brackets),
            100.0 * (len(text) - len(plain)) / length,
            sum(map(len, words)) / max(len(words), 1),
            numeric,
            math.log1p(sum(map(len, last)) / len(last)),
            first * numeric,
            "statement" in text,
            "none of" in text or "all of the" in text,
            10.0 * operators / length,
            "def " in text or "return" in text or "```" in text,
            len(set(words)) / max(len(words), 1),
        ),
        dtype=np.float32,
    )


def surfaces(texts: Sequence[str]) -> FloatArray:
    """Return the features of several prompts, shape (n, len(NAMES))."""
    return np.array([surface(text) for text in texts], dtype=np.float32).reshape(-1, len(NAMES))
