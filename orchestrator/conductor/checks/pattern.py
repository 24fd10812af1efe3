"""A regular expression that an answer has to match, with an end to how long that may take."""

from __future__ import annotations

MOST_CHARACTERS = 1000
SECONDS = 0.2


class NotAPattern(Exception):
    """The text is no regular expression; says why."""


def compiled(pattern: str) -> None:
    """Raise if a text is no regular expression of the package ``regex``.

    Raises:
        NotAPattern: Then.
    """
    import regex

    if len(pattern) > MOST_CHARACTERS:
        raise NotAPattern(f"longer than {MOST_CHARACTERS} characters")
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise NotAPattern(str(error)) from error


def found(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found in a text.

    Raises:
        TimeoutError: If that takes longer than :data:`SECONDS`.
    """
    import regex

    return regex.search(pattern, text, timeout=SECONDS, concurrent=True) is not None


def missed_pattern(answer: str, pattern: str) -> tuple[str, ...]:
    """Say that an answer does not match; one that takes too long to tell is let pass."""
    try:
        matched = found(pattern, answer.strip())
    except TimeoutError:
        return ()
    return () if matched else (f"It does not match the regular expression {pattern}",)
