"""What keeps two prompts apart however alike they seem: a fact in one that is not in the other. Pure.

Vectors of texts hardly see a number, a name, a "not": those are compared as they stand. Each guard
errs on the safe side, since a refusal costs a call and a wrong answer costs trust.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from experts.cache.similar.words import (
    AMOUNTS,
    DATES,
    NEGATIONS,
    NUMBERS,
    OPPOSITES,
    PAST,
    PERSONS,
    QUESTIONS,
    SMALL,
)

Reason = Literal[
    "code",
    "number",
    "date",
    "negation",
    "opposite",
    "name",
    "order",
    "language",
    "question",
    "person",
    "tense",
]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:[.,:/\-]\d+)*")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_LOOKS_LIKE_CODE = re.compile(
    r"[{};]\s*$|^\s*(?:def|class|import|from|SELECT|#include|function|const|let|var)\b"
    r"|\w+\([^)\n]*\)|[=!<>]=|->|=>|::|\w\.\w+\(|https?://|[/\\]\w+[/\\]|<\w+[^>]*>",
    re.MULTILINE,
)
_TURNS = frozenset({"to", "from", "into", "than", "over", "for", "by"})
"""Words around which a question can be turned round."""
_SENTENCE_END = re.compile(r"[.!?:;\n\"“(\[]\s*$")


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a prompt is compared as it stands.

    Args:
        words: All its words in lower case.
        names: Words with a capital letter that no sentence begins with, in lower case, as they come.
        ways: Words before and after "to", "from" and the like.
        numbers: Numbers, and words for them.
        dates: Words for times.
        negations: Words that negate.
        questions: What is asked for: a time, a place, a reason, an amount; "what" and "how" say too little.
        persons: Whose something is: who asks, who is asked, or somebody else's.
        past: Whether it asks of what has been.
        code: Its pieces of code, or all of it if it looks like code.
        language: What it seems to be written in: a language, or a script.
    """

    words: frozenset[str]
    names: tuple[str, ...]
    ways: frozenset[tuple[str, str]]
    numbers: Counter[str]
    dates: Counter[str]
    negations: int
    questions: frozenset[str]
    persons: frozenset[str]
    past: bool
    code: tuple[str, ...]
    language: str


@lru_cache(maxsize=4096)
def facts_of(prompt: str) -> Facts:
    """Return what of a prompt is compared as it stands."""
    words, names = list[str](), list[str]()
    for found in _WORD.finditer(prompt):
        word = found.group().replace("’", "'")
        words.append(word.lower())
        before = prompt[: found.start()].rstrip(" *_#>-")
        begins = not before or _SENTENCE_END.search(before[-2:] + " ") is not None
        shape = word[0].isupper() or any(letter.isupper() for letter in word[1:])
        mixed = any(letter.isupper() for letter in word[1:])
        if shape and (mixed or not begins) and word not in {"I", "I'm", "I'd", "I've", "I'll"}:
            names.append(word.lower().removesuffix("'s"))
    code = tuple(_CODE.findall(prompt))
    if not code and _LOOKS_LIKE_CODE.search(prompt):
        code = (prompt,)
    numbers = Counter(one.replace(",", "") for one in _NUMBER.findall(prompt))
    numbers.update(word for word in words if word in NUMBERS)
    return Facts(
        words=frozenset(words),
        names=tuple(names),
        ways=_ways(words),
        numbers=numbers,
        dates=Counter(word for word in words if word in DATES),
        negations=sum(word in NEGATIONS or word.endswith("n't") for word in words),
        questions=_questions(words),
        persons=frozenset(PERSONS[word] for word in words if word in PERSONS),
        past=any(word in PAST for word in words),
        code=code,
        language=language_of(words, prompt),
    )


def language_of(words: list[str], prompt: str) -> str:
    """Return what a text seems to be written in: a language by its small words, else its script."""
    letters = [letter for letter in prompt if letter.isalpha()]
    other = [letter for letter in letters if ord(letter) > 0x24F]
    if len(other) > len(letters) / 4:
        return f"script-{ord(max(other, key=other.count)) >> 8:x}"
    counts = {language: sum(word in known for word in words) for language, known in SMALL.items()}
    best = max(counts.values())
    ranked = [language for language, count in counts.items() if count == best]
    return ranked[0] if best and len(ranked) == 1 else "unknown"


def kept_apart(one: str, other: str) -> Reason | None:
    """Return why the answer to one prompt must not be given to another; ``None``: nothing says so."""
    a, b = facts_of(one), facts_of(other)
    rules: dict[Reason, bool] = {
        "code": a.code != b.code,
        "number": a.numbers != b.numbers,
        "date": a.dates != b.dates,
        "negation": (a.negations > 0) != (b.negations > 0),
        "language": a.language != b.language and "unknown" not in (a.language, b.language),
        # A name may stand at the beginning of the other's sentence, or in lower case.
        "name": not (set(a.names) <= _parts(b.words) and set(b.names) <= _parts(a.words)),
        "order": _turned_round(a, b),
        "opposite": _opposed(a.words - b.words, b.words - a.words),
        "question": a.questions != b.questions,
        # "Turn the volume up" is nobody's, and so may be anybody's.
        "person": bool(a.persons and b.persons and a.persons != b.persons),
        "tense": a.past != b.past,
    }
    return next((reason for reason, holds in rules.items() if holds), None)


def _questions(words: list[str]) -> frozenset[str]:
    """Return what a text asks for: a time, a place, a reason, an amount."""
    asked = {QUESTIONS[word] for one in words if (word := one.partition("'")[0]) in QUESTIONS}
    amounts = {word for how, word in pairwise(words) if how == "how" and word in AMOUNTS}
    return frozenset(asked | amounts)


def _turned_round(a: Facts, b: Facts) -> bool:
    """Tell whether two prompts name the same things the other way round."""
    if _in_order(a.names, b.names) != _in_order(b.names, a.names):
        return True
    return any((to, start) in b.ways for start, to in a.ways)


def _opposed(only_a: frozenset[str], only_b: frozenset[str]) -> bool:
    """Tell whether a word of one prompt is the opposite of one of the other."""
    return any(pair & only_a and pair & only_b for pair in OPPOSITES)


def _parts(words: frozenset[str]) -> frozenset[str]:
    return words | {word.removesuffix("'s") for word in words}


def _in_order(names: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    """Return the names that others has too, each once, as they come."""
    return list(dict.fromkeys(name for name in names if name in others))


def _ways(words: list[str]) -> frozenset[tuple[str, str]]:
    """Return what a text goes from and to: the words around one that says so, of either distance.

    "central London to Heathrow" goes from "london" and from "central", to "heathrow".
    """
    ways = set()
    for place, word in enumerate(words):
        if word in _TURNS:
            before, after = words[max(place - 2, 0) : place], words[place + 1 : place + 3]
            ways |= {(one, other) for one in before for other in after if one != other}
    return frozenset(ways)
