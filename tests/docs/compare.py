"""Compares what a command printed with what the documentation says it prints, loosely.

Ids, keys, hashes, dates, fractions and the width of columns are not compared. In the
documentation, ``...`` on a line of its own stands for any lines, and inside a line for anything.
"""

from __future__ import annotations

import difflib
import re

_CHANGING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\b(req|key)_[0-9a-f]+(\.\.\.)?", r"\1_<id>"),
        (r"\bsk-coe-[\w-]+(\.\.\.)?", "sk-coe-<key>"),
        (r"\bchatcmpl-[\w-]+(\.\.\.)?", "chatcmpl-<id>"),
        (r"\bstarter-1-[0-9a-f]+", "starter-1-<hash>"),
        (r"\d{4}-\d{2}-\d{2}[T ][\d:.]+(Z|\+00:00)?", "<time>"),
        (r"\b1[0-9]{9}\b", "<time>"),
        (r"(x-coe-(?:confidence|cost): |_ms\"?: ?)[\d.e-]+", r"\1<n>"),
        (r"\b\d+(\.\d+)?e-\d+\b|\b\d+\.\d+\b", "<n>"),
        (r"\b\d+%", "<n>%"),
        (r"[ \t]#+(?=[ \t]*$)", ""),
        (r"─+", "─"),
        (r"[ \t]+", " "),
    )
)


def difference(expected: str, actual: str) -> str | None:
    """Return how the two differ, or ``None`` if they agree.

    Args:
        expected: From the documentation.
        actual: What was printed.
    """
    wanted, got = _lines(expected), _lines(actual)
    pattern = "".join(map(_pattern, wanted))
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in got)):
        return None
    return "\n".join(difflib.unified_diff(wanted, got, "documented", "printed", lineterm=""))


def _lines(text: str) -> list[str]:
    """Return the lines without what changes from run to run and without empty ones."""
    lines = []
    for line in text.replace("\r", "").split("\n"):
        for pattern, name in _CHANGING:
            line = pattern.sub(name, line)
        if line.strip():
            lines.append(line.rstrip())
    return lines


def _pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    return ".*?".join(map(re.escape, line.split("..."))) + r"\n"
