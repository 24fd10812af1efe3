"""Takes secrets out of text that people will read: logs, errors, what a vendor's server said. Pure.

Known values are replaced wherever they stand; beside them, whatever has the shape of a key or stands
where a key is usually named, since texts also hold secrets that nobody told us of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
SHORTEST = 6
"""Characters that a known value must have: a shorter one would be found in ordinary words."""

_SHAPES = re.compile(
    r"""\b(?:
        sk-[\w-]{12,}                                   # OpenAI, Anthropic, this service
      | (?:gsk|hf|pplx|nvapi|r8|xai|whsec|ghp|gho|github_pat)[_-][\w+/=-]{12,}
      | AIza[\w-]{30,}                                  # Google
      | (?:AKIA|ASIA)[0-9A-Z]{16}                       # Amazon
      | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                 # JSON Web Tokens
    )""",
    re.VERBOSE,
)
_SCHEME = re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
_NAMED = re.compile(
    r"""\b((?:x-)?api[_-]?key|authorization|proxy-authorization|client[_-]secret|
        access[_-]token|password|passwd)
        (["']?\s*(?::|=|%3D)\s*["']?)
        (?!bearer\b|basic\b|\*\*\*)[^\s"'&,;}]{6,}""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@\"']+@", re.IGNORECASE)


def redacted(text: str, known: Iterable[str] = ()) -> str:
    """Return a text with :data:`MASK` in place of secrets.

    Args:
        text: The text.
        known: Secrets by value; those shorter than :data:`SHORTEST` are not looked for.
    """
    for secret in known:
        if len(secret) >= SHORTEST:
            for form in _forms(secret):
                text = text.replace(form, MASK)
    text = _IN_URL.sub(rf"\1{MASK}@", text)
    text = _SHAPES.sub(MASK, text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    return _NAMED.sub(rf"\1\2{MASK}", text)


def without_beginning_of(text: str, secret: str) -> str:
    """Return a text that was cut off without the first part of a secret at its end."""
    for length in range(min(len(secret), len(text)), 3, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + MASK
    return text


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written: plain, in JSON, in a URL."""
    return {secret, secret.replace("/", "\\/"), quote(secret, safe=""), repr(secret)[1:-1]}
