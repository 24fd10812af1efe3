"""What was answered, in a form in which answers can be counted: a choice, a number, a short text.

Two texts are one answer where this form is the same. A long text has none: whether two of those say
the same is for a judge to tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from orchestrator.conductor.evaluation.final import final_answer

Kind = Literal["choice", "number", "text"]

_OPTION = re.compile(r"^[ \t]*(?:\(([A-Z])\)|([A-Z])[).:])[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_LETTER = re.compile(
    r"\(([A-Z])\)|(?i:option|choice|answer)[ \t]*:?[ \t]*\(?([A-Z])\b|([A-Z])(?=[.):,;]|\s*(?:\n|\Z))"
)
"""A letter alone is followed by a sign or nothing: "A metal" names no option."""
_NAMED = re.compile(r"\b(?:answer|option|choice)\b[ \t]*(?:is|:)?[ \t*]*\(?([A-Z])\)?(?![A-Za-z])")
_NUMBER = re.compile(r"[$\u20ac\u00a3]?\s*([-+\u2212]?[\d,]*\.?\d+(?:[eE][-+]?\d{1,3})?)\s*(%?)\.?")
_FENCE = "```"
"""Programs are not compared as texts."""
_LONGEST = 80
"""Characters of a text that is compared as a whole."""
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """What a text answers.

    Args:
        kind: In what form.
        value: Equal for equal answers: a letter, a number without needless zeros, plain words.
    """

    kind: Kind
    value: str


def options_in(text: str) -> tuple[str, ...]:
    """Return the words of the options that a question lists as A, B, C, ...; empty where it has none.

    An option may go on in the lines below it; what follows the last one belongs to it only where it
    is indented, since there a question says how to answer.
    """
    run: list[re.Match[str]] = []
    for found in _OPTION.finditer(text):
        letter = found[1] or found[2]
        if letter == "A":
            run = [found]
        elif run and letter == chr(ord("A") + len(run)):
            run.append(found)
    if len(run) < 2:
        return ()
    ends = (*(found.start() for found in run[1:]), len(text))
    last = run[-1]
    return tuple(
        _whole(found[3], text[found.end() : end], indented=found is last)
        for found, end in zip(run, ends, strict=True)
    )


def _whole(first: str, below: str, *, indented: bool) -> str:
    """Return an option with the lines in which it goes on: up to an empty one."""
    lines = [first]
    for line in below.split("\n")[1:]:
        if not line.strip() or (indented and not line[0].isspace()):
            break
        lines.append(line)
    return " ".join(" ".join(lines).split()) if len(lines) > 1 else first.rstrip()


def question_in(text: str) -> str:
    """Return what stands before the options of a question; all of it where there are none."""
    starts = [found.start() for found in _OPTION.finditer(text) if (found[1] or found[2]) == "A"]
    return text[: starts[-1]].strip() if starts and options_in(text) else text


def read_answer(text: str, options: Sequence[str] = ()) -> Answer | None:
    """Return what a text answers; ``None`` where that cannot be read off it.

    Args:
        text: What an expert said.
        options: Words of the options, where the question has some: only these are answers then.
    """
    said = final_answer(text).strip()
    if options:
        letter = _chosen(said, text, options)
        return Answer("choice", letter) if letter else None
    number = _number(said)
    if number is not None:
        return Answer("number", number)
    plain = _plain(said)
    short = 0 < len(plain) <= _LONGEST and "\n" not in said and _FENCE not in text
    return Answer("text", plain) if short else None


def _chosen(said: str, text: str, options: Sequence[str]) -> str | None:
    last = chr(ord("A") + len(options) - 1)
    words = [place for place, option in enumerate(options) if _plain(option) == _plain(said)]
    if len(words) == 1:
        return chr(ord("A") + words[0])
    letter = _LETTER.match(said)
    if letter is None:
        named = _NAMED.findall(text)
        found = named[-1] if named else None
    else:
        found = letter[1] or letter[2] or letter[3]
    return found if found is not None and found <= last else None


def _number(said: str) -> str | None:
    found = _NUMBER.fullmatch(said) if len(said) <= _LONGEST_NUMBER else None
    if found is None:
        return None
    try:
        number = Decimal(found[1].replace(",", "").replace("\u2212", "-"))
    except InvalidOperation:
        return None
    return f"{number.normalize() + 0:f}{found[2]}"


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".!")
