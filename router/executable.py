"""Requests an interpreter answers better than a model: bare arithmetic, and code to be run."""

from __future__ import annotations

import ast
import re

_MAX_CHARACTERS = 300

_LEAD = re.compile(
    r"(?:(?:hi|hey|hello|ok|okay|so|and|please|pls)[,!]?\s+)*"
    r"(?:(?:can|could|would)\s+you\s+)?(?:please\s+)?(?:tell\s+me\s+)?"
    r"(?P<verb>what\s+is|what['’]?s|how\s+much\s+is|compute|calculate|calc|evaluate|work\s+out|"
    r"solve|find|give\s+me)?\s*(?:the\s+(?:value|result)\s+of\s+)?",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(?:\s*(?:=\s*\??|\?|!|\.(?!\d)|,?\s*please))*\s*$", re.IGNORECASE)
_ALLOWED = re.compile(r"[\d\s.,+\-*/^%()×÷·−]+")
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])")
_LOOKS_LIKE_SOMETHING_ELSE = re.compile(
    r"""
      \d{4}-\d{1,2}(?:-\d{1,2})?                # 2024-01-02, 2024-01
    | \d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}           # 2/1/2024
    | \(?\d{3}\)?[-\s.]\d{3}[-.]\d{4}           # 555-123-4567
    | \d{3}-\d{4}                               # 555-1234
    | \d+(?:-\d+){2,}                           # 978-3-16-148410-0
    """,
    re.VERBOSE,
)
_AMBIGUOUS = re.compile(r"\d+[-/]\d+")  # 10-3, 24/7: only with a question around it
_TIMES = re.compile(r"(?<=\d)\s*[xX]\s*(?=\d)")  # 3 x 4, not 3x + 4
_OPERATORS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-"})

_FENCE = re.compile(r"```(?:python3?|py)[ \t]*\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)
_RUN = re.compile(
    r"\b(?:run|execute|evaluate|eval)\b"
    r"|\bwhat\s+(?:does|is|will|would)\b.{0,40}\b(?:output|outputs|print|prints|return|returns)\b",
    re.IGNORECASE | re.DOTALL,
)
_NOT_RUN = re.compile(
    r"\b(?:explain|fix|debug|review|refactor|rewrite|translate|convert|optimi[sz]e|document|"
    r"improve|comment|why|how|error|fails?|bug|(?:do\s+not|don['’]?t|without)\s+run)",
    re.IGNORECASE,
)


def is_executable(text: str) -> bool:
    """Tell whether an interpreter can answer: arithmetic and nothing else, or code to be run.

    Errs towards no. A date, a telephone number or a question about code is never executable.

    >>> [is_executable(text) for text in ("what is 17 * 23?", "2024-01-02", "a 3-day trip")]
    [True, False, False]
    """
    if "```" in text:
        return _asks_to_run_code(text)
    if len(text) > _MAX_CHARACTERS or not any(map(str.isdigit, text)):
        return False
    return _is_arithmetic(text.strip())


def _is_arithmetic(text: str) -> bool:
    lead = _LEAD.match(text)
    asked = bool(lead and lead["verb"]) or text.rstrip("? ").endswith("=")
    body = text[lead.end() if lead else 0 :]
    tail = _TAIL.search(body)
    body = _TIMES.sub(" * ", body[: tail.start()] if tail else body)
    if not _ALLOWED.fullmatch(body) or _LOOKS_LIKE_SOMETHING_ELSE.search(body):
        return False
    if _AMBIGUOUS.fullmatch(body.strip()) and not asked:
        return False
    body = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), body).replace("^", "**")
    return _is_calculation(body.translate(_OPERATORS).strip())


def _is_calculation(expression: str) -> bool:
    """Whether it parses, holds at least one operation, and nothing but numbers and operations."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    allowed = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.unaryop)
    nodes = list(ast.walk(tree))
    return all(isinstance(node, allowed) for node in nodes) and any(
        isinstance(node, ast.BinOp) for node in nodes
    )


def _asks_to_run_code(text: str) -> bool:
    fence = _FENCE.search(text)
    if fence is None or not fence[1].strip():
        return False
    around = text[: fence.start()] + " " + text[fence.end() :]
    if len(around) > _MAX_CHARACTERS:
        return False
    return bool(_RUN.search(around)) and not _NOT_RUN.search(around)
