"""What keeps two prompts apart however alike they seem: a fact in one that is not in the other. Pure.

Vectors of texts hardly see a number, a name, a "not": those are compared as they stand. Each guard
errs on the safe side, since a refusal costs a call and a wrong answer costs trust.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from experts.cache.similar.words import DATES, NEGATIONS, NUMBERS, OPPOSITES, SMALL

Reason = Literal["code", "number", "date", "negation", "opposite", "name", "language"]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:[.,:/\-]\d+)*")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_LOOKS_LIKE_CODE = re.compile(
    r"[{};]\s*$|^\s*(?:def|class|import|from|SELECT|#include|function|const|let|var)\b"
    r"|\w+\([^)\n]*\)|[=!<>]=|->|=>|::|\w\.\w+\(|https?://|[/\\]\w+[/\\]|<\w+[^>]*>",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.!?:;\n\"“(\[]\s*$")


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a prompt is compared as it stands.

    Args:
        words: All its words in lower case.
        names: Words with a capital letter that no sentence begins with, in lower case.
        numbers: Numbers, and words for them.
        dates: Words for times.
        negations: Words that negate.
        code: Its pieces of code, or all of it if it looks like code.
        language: What it seems to be written in: a language, or a script.
    """

    words: frozenset[str]
    names: frozenset[str]
    numbers: Counter[str]
    dates: Counter[str]
    negations: int
    code: tuple[str, ...]
    language: str


@lru_cache(maxsize=4096)
def facts_of(prompt: str) -> Facts:
    """Return what of a prompt is compared as it stands."""
    words, names = list[str](), set[str]()
    for found in _WORD.finditer(prompt):
        word = found.group().replace("’", "'")
        words.append(word.lower())
        before = prompt[: found.start()].rstrip(" *_#>-")
        begins = not before or _SENTENCE_END.search(before[-2:] + " ") is not None
        shape = word[0].isupper() or any(letter.isupper() for letter in word[1:])
        mixed = any(letter.isupper() for letter in word[1:])
        if shape and (mixed or not begins) and word not in {"I", "I'm", "I'd", "I've", "I'll"}:
            names.add(word.lower().removesuffix("'s"))
    code = tuple(_CODE.findall(prompt))
    if not code and _LOOKS_LIKE_CODE.search(prompt):
        code = (prompt,)
    numbers = Counter(one.replace(",", "") for one in _NUMBER.findall(prompt))
    numbers.update(word for word in words if word in NUMBERS)
    return Facts(
        words=frozenset(words),
        names=frozenset(names),
        numbers=numbers,
        dates=Counter(word for word in words if word in DATES),
        negations=sum(word in NEGATIONS or word.endswith("n't") for word in words),
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
    if a.code != b.code:
        return "code"
    if a.numbers != b.numbers:
        return "number"
    if a.dates != b.dates:
        return "date"
    if (a.negations > 0) != (b.negations > 0):
        return "negation"
    if "unknown" not in (a.language, b.language) and a.language != b.language:
        return "language"
    # A name may stand at the beginning of the other's sentence, or in lower case.
    if not (a.names <= _parts(b.words) and b.names <= _parts(a.words)):
        return "name"
    only_a, only_b = a.words - b.words, b.words - a.words
    for pair in OPPOSITES:
        if pair & only_a and pair & only_b and pair & only_a != pair & only_b:
            return "opposite"
    return None


def _parts(words: frozenset[str]) -> frozenset[str]:
    return words | {word.removesuffix("'s") for word in words}
