"""What a program's last expression comes to, as a text that is made in the sandbox. Pure.

The interpreter hands the value of a last expression over as an object of our process. One of a few
kilobytes can be a list that holds another twice, and so on: written out, it is gigabytes. So the
value is kept in the sandbox under a name, as Python's own prompt does, and only text is handed over,
made under the limits of the program.
"""

from __future__ import annotations

import ast
import math
import warnings

AS_TEXT = "f'{_!r}'"
"""A program that gives the kept value as text; it looks up no name that could be another's."""
AS_HEX = "f'{_:x}'"
"""The same for a whole number that is too long to be written out."""
_NOTHING = "\nNone"
_LONGEST = 20_000
"""Characters of a program that is parsed here; the value of a longer one is not shown."""


def keep_last(code: str) -> tuple[str, bool]:
    """Let a program end without a value.

    Returns:
        The program, and whether it keeps the value of its last expression as ``_``.
    """
    last = _last_expression(code)
    if last is None:
        return code + _NOTHING, False
    written = code.encode()
    lines = written.splitlines(keepends=True)
    start = sum(map(len, lines[: last.lineno - 1])) + last.col_offset
    end_line = (last.end_lineno or last.lineno) - 1
    end = sum(map(len, lines[:end_line])) + (last.end_col_offset or 0)
    return (written[:start] + b"_ = " + written[start:end]).decode() + _NOTHING, True


def shown(text: str) -> str:
    """Return a value as people want to see it, from its text: nothing for ``None``, words unquoted."""
    if text == "None":
        return ""
    if not text.startswith(("'", '"')):
        return text
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text


def number(text: str) -> str:
    """Write a number as people do: 12, not 12.0, and 0.3, not 0.30000000000000004."""
    if set("0123456789-").issuperset(text):
        return text
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return text


def too_long(hexadecimal: str) -> str:
    """Say how long a whole number is."""
    bits = len(hexadecimal.lstrip("-")) * 4 - 3
    digits = int((bits - 1) * math.log10(2)) + 1
    return f"The result has about {digits} digits, too many to be written out."


def _last_expression(code: str) -> ast.Expr | None:
    if len(code) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # about escapes such as "\\d"
            body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    last = body[-1] if body else None
    return last if isinstance(last, ast.Expr) else None
