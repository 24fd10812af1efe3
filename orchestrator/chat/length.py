"""How long an answer may be that no expert writes as a whole, and what is left of one that is longer."""

from __future__ import annotations

from experts.counting.estimate import estimated_tokens
from orchestrator.chat.request import ChatRequest, field
from orchestrator.kit.errors import ApiError

LENGTHS = ("max_completion_tokens", "max_tokens")
"""Fields of a request that say how many tokens its answer may have."""


def most_tokens(chat: ChatRequest) -> int | None:
    """Return how many tokens the answer may have, ``None`` where the request does not say.

    Raises:
        ApiError: 400 if a field that says so is no whole number of at least 1.
    """
    found: list[int] = []
    for name in LENGTHS:
        value = field(chat.fields, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            told = f"'{name}' must be a whole number, at least 1."
            raise ApiError(400, "invalid_request", told, param=name)
        found.append(value)
    return min(found, default=None)


def cut(text: str, most: int | None) -> str:
    """Return as much of a text, from its beginning, as is about so many tokens.

    Which vocabulary would count is open where several experts worked on it, so it goes by script;
    see :mod:`experts.counting.estimate`.
    """
    if most is None or estimated_tokens(text) <= most:
        return text
    fits, exceeds = 0, len(text)
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if estimated_tokens(text[:middle]) <= most:
            fits = middle
        else:
            exceeds = middle
    return text[:fits]
