"""Blots out of texts what must not be kept: addresses, numbers of people and cards, secrets.

Numbers of cards and bank accounts are known by their check digits (Luhn's, ISO/IEC 7812-1; modulo
97, ISO 13616-1), so that other long numbers stay. A tenant's own patterns come on top. Theirs may be
slow, by accident or not: a text that they take too long on is withheld as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import regex

MOST_PATTERNS = 20
MOST_PATTERN_CHARACTERS = 200
WITHHELD = "[withheld]"
_TENANTS = "[redacted]"
_SECONDS = 0.1
_DATA_URL = re.compile(r"data:[\w.+/-]*;base64,[A-Za-z0-9+/=]{32,}")

_SECRET = re.compile(
    r"""
      -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | \b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}                 # OpenAI, Anthropic, Stripe, this service
    | \b(?:gh[pousr]|github_pat|glpat|xox[abeprs]|hf|whsec)[-_][A-Za-z0-9_-]{16,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b | \bAIza[A-Za-z0-9_-]{30,}      # Amazon, Google
    | \beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # RFC 7519
    | (?<=Bearer\ )[A-Za-z0-9._~+/-]{12,}=*                         # RFC 6750
    | (?i:(?<=password=)|(?<=passwd=)|(?<=secret=)|(?<=token=)|(?<=api_key=)|(?<=apikey=))[^\s&"']{4,}
    """,
    re.VERBOSE,
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.]?\d)")
_PHONE = re.compile(
    r"""
      (?<![\w.])(?:\+|00)[1-9](?:[\s().-]{0,2}\d){6,14}(?!\w)      # international (ITU-T E.164)
    | (?<![\w.-])\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])     # North America
    | (?<![\w.-])0\d{2,4}[ /-]\d{3,}(?:[ -]\d{2,}){0,3}(?![\w-])   # national, as in much of Europe
    """,
    re.VERBOSE,
)


def redacted(text: str, patterns: Sequence[str] = ()) -> str:
    """Return a text in which personal numbers, addresses and secrets are blotted out.

    Args:
        text: Any.
        patterns: A tenant's own regular expressions, checked before (:func:`pattern_problem`).
    """
    text = _DATA_URL.sub("[data]", text)
    text = _SECRET.sub("[secret]", text)
    text = _EMAIL.sub("[email]", text)
    text = _IBAN.sub(_if(is_iban, "[iban]"), text)
    text = _CARD.sub(_if(is_card, "[card]"), text)
    text = _PHONE.sub("[phone]", text)
    try:
        for pattern in patterns:
            text = _compiled(pattern).sub(_TENANTS, text, timeout=_SECONDS)
    except TimeoutError:
        return WITHHELD
    return storable(text)


def storable(text: str) -> str:
    """Return a text without what Postgres or JSON cannot hold."""
    return text.replace("\x00", " ").encode(errors="replace").decode()


def redacted_value(value: Any, patterns: Sequence[str] = (), longest: int = 32_000) -> Any:
    """Return JSON data with every text in it redacted, and cut to ``longest`` characters."""
    if isinstance(value, str):
        shown = redacted(value, patterns)
        return shown if len(shown) <= longest else f"{shown[:longest]} [{len(shown)} characters]"
    if isinstance(value, dict):
        return {
            storable(str(name)): redacted_value(each, patterns, longest)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted_value(each, patterns, longest) for each in value]
    return value


def pattern_problem(pattern: str) -> str | None:
    """Say why a tenant's pattern cannot be used, or ``None``."""
    if not 1 <= len(pattern) <= MOST_PATTERN_CHARACTERS:
        return f"must have 1 to {MOST_PATTERN_CHARACTERS} characters"
    try:
        found = _compiled(pattern).search("", timeout=_SECONDS)
    except (regex.error, TimeoutError, ValueError, RecursionError) as error:
        return f"is not a regular expression: {error}"
    return "matches the empty text, so it would match everywhere" if found else None


def is_card(number: str) -> bool:
    """Tell whether a number has a card's check digit (Luhn's formula)."""
    digits = [int(char) for char in reversed(number) if char.isdigit()]
    doubled = (2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[1::2])
    return any(digits) and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Tell whether a number has a bank account's check digits (ISO 13616-1)."""
    plain = re.sub(r"[ -]", "", number)
    if not 15 <= len(plain) <= 34:
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _if(check: Callable[[str], bool], name: str) -> Callable[[re.Match[str]], str]:
    return lambda match: name if check(match[0]) else match[0]


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return regex.compile(pattern, regex.V0)
