"""One of several options, by its letter, its words, or both."""

from __future__ import annotations

import re

from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask

_OPTION = re.compile(
    r"^[ \t]*(?:\(([A-Za-z])\)|([A-Za-z])[).:])[ \t]+(\S[^\n]*?)[ \t]*$", re.MULTILINE
)
_NAMED = re.compile(r"(?:option|choice)[ \t]+(?=[(\[]?[A-Za-z]\b)", re.IGNORECASE)
_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\]]?[.:)]?")
_LETTER_AND_WORDS = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]]|([A-Za-z])(?=[ \t).:,-]))[).]?[ \t]*[:,-]?[ \t]*(\S.*)", re.DOTALL
)
_REASON = re.compile(r"(?:because|since)\b", re.IGNORECASE)
_MOST = 26


def grade(answer: str, task: GradedTask) -> Grade:
    """Grade a choice: ``B``, ``(B)``, ``option B``, ``heptagon`` or ``(B) heptagon``; a reason may follow.

    The options are the field ``options`` (a list, or an object by letter) or the prompt's lines that
    begin with a letter.

    Raises:
        ValueError: If the target is none of the options.
    """
    options = options_of(task)
    wanted = chosen(task.target, options)
    if wanted is None:
        raise ValueError(f"the target {task.target!r} is none of the options")
    found = chosen(answer, options)
    if found is None:
        return wrong("it is not one of the options and nothing else")
    return RIGHT if found == wanted else wrong(f"it is option {found}")


def options_of(task: GradedTask) -> dict[str, str]:
    """Return the words of each option by its letter; empty where none are listed."""
    stated = task.fields.get("options")
    if isinstance(stated, dict):
        return {str(letter).upper(): str(words) for letter, words in stated.items()}
    if isinstance(stated, list):
        return {chr(ord("A") + place): str(words) for place, words in enumerate(stated[:_MOST])}
    found = _OPTION.findall(task.prompt)
    return {(one or other).upper(): words for one, other, words in found}


def chosen(text: str, options: dict[str, str]) -> str | None:
    """Return the letter of the option that a text is; ``None`` where it is not exactly one."""
    text = text.strip()
    by_words = [letter for letter, words in options.items() if _same(words, text)]
    if len(by_words) == 1:
        return by_words[0]
    text = _NAMED.sub("", text, count=1) if _NAMED.match(text) else text
    letter = _LETTER.fullmatch(text)
    if letter:
        return _known(letter[1], options)
    both = _LETTER_AND_WORDS.fullmatch(text)
    if both:
        named = _known(both[1] or both[2], options)
        meant = named and (_same(options.get(named, ""), both[3]) or _REASON.match(both[3]))
        return named if meant else None
    return None


def _known(letter: str, options: dict[str, str]) -> str | None:
    letter = letter.upper()
    return letter if letter in options or not options else None


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")
