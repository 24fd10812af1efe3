"""Word sorting: the same words, in order, and nothing else."""

from __future__ import annotations

import re

from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask

_BETWEEN = re.compile(r"[\s,;]+")
_QUOTES = "'\"‘’“”`"


def grade(answer: str, task: GradedTask) -> Grade:
    """Grade words with spaces, commas or lines between them; a printed Python list is one too."""
    found, wanted = words_of(answer), words_of(task.target)
    if found == wanted:
        return RIGHT
    if sorted(found) != sorted(wanted):
        missing, strange = _beyond(wanted, found), _beyond(found, wanted)
        problems = [f"lacks {_some(missing)}"] * bool(missing)
        problems += [f"holds {_some(strange)}"] * bool(strange)
        return wrong(f"it {' and '.join(problems)}")
    pairs = zip(found, wanted, strict=True)
    place = next(number for number, (word, right) in enumerate(pairs, 1) if word != right)
    return wrong(f"word {place} is {found[place - 1]!r}, not {wanted[place - 1]!r}")


def words_of(text: str) -> list[str]:
    """Return the words of a list, in lower case; an apostrophe inside a word belongs to it."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    words = (word.strip(_QUOTES) for word in _BETWEEN.split(text))
    return [word.lower() for word in words if word]


def _beyond(words: list[str], others: list[str]) -> list[str]:
    rest = list(words)
    for word in others:
        if word in rest:
            rest.remove(word)
    return rest


def _some(words: list[str]) -> str:
    shown = ", ".join(repr(word[:40]) for word in words[:3])
    return shown if len(words) <= 3 else f"{shown} and {len(words) - 3} more"
