"""What in a message can be run: a block of Python, or arithmetic asked about in plain words. Pure.

Arithmetic is taken only from a message that asks for nothing else ("what is 17 * 23?"): a plan for
"5-10 people" or a date is no calculation, and a wrong number is worse than a refusal, after which
another expert is asked.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

MAX_EXPRESSION_CHARS = 1000

# Neighbouring repetitions match different characters, here and below: no message may take long.
_FENCED = re.compile(r"```[ \t]*(?:([\w+-]+)[ \t]*)?\r?\n(.*?)(?:\n[ \t]*```|```|\Z)", re.DOTALL)
_PYTHON = {"python", "py", "python3"}

_NUMBER = r"(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)"
_TOKEN = re.compile(rf"(?<![\w.]){_NUMBER}(?!\w)|\bsqrt\b|\*\*|//|[-+*/%()]")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+")

_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(?<=\d),(?=\d{3}(?:\D|$))", ""),
        (r"[×·✕⋅]", "*"),
        (r"÷", "/"),
        (r"[−–]", "-"),
        (r"\^", "**"),
        (r"(?<=[\d)])\s*(?<!\b0)x\s*(?=[\d(.])", " * "),
        (rf"({_NUMBER})\s*(?:%|percent)\s+of\s+(?=[\d(.])", r"\1 / 100 * "),
        (r"\bplus\b", "+"),
        (r"\bminus\b", "-"),
        (r"\b(?:times|multiplied\s+by)\b", "*"),
        (r"\bdivided\s+by\b", "/"),
        (r"\b(?:mod|modulo)\b", "%"),
        (r"\b(?:to\s+the\s+power\s+of|raised\s+to)\b", "**"),
        (r"(?<=[\d)])\s+squared\b", "**2"),
        (r"(?<=[\d)])\s+cubed\b", "**3"),
        (rf"\bsquare\s+root\s+of\s+({_NUMBER})", r"sqrt(\1)"),
    )
)

_ASKING_WORDS = """
    a add and answer as by calc calculate calculation calculator can compute could do does
    equal equals evaluate exact exactly expression find following for get give hello hey
    hi how i in is it its just kindly let's many math me much need no now number of only
    out please precisely product python quick quickly reply result simplify solve some
    step sum tell thank thanks that the this to up us use using value want was what what's
    whats with work would you your
"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to run.

    Args:
        code: Python whose printed output, or last expression, is the answer.
        arithmetic: The expression, as it will be named in an answer; ``None`` for a block of code.
    """

    code: str
    arithmetic: str | None = None


def find_snippets(text: str) -> list[Snippet]:
    """Return what can be run in a message: one program, or some expressions, or nothing."""
    program = _program_in(text)
    if program is not None:
        return [Snippet(program)]
    return [Snippet(_code_of(expression), expression) for expression in _arithmetic_in(text)]


def _program_in(text: str) -> str | None:
    """Join the blocks marked as Python; else take an unmarked block that is Python."""
    blocks = [(name.lower(), code) for name, code in _FENCED.findall(text)]
    marked = [code for name, code in blocks if name in _PYTHON]
    unmarked = [code for name, code in blocks if not name and _is_python(code)]
    program = "\n".join(marked or unmarked[:1])
    return program if program.strip() else None


def _is_python(code: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):  # about escapes such as "\\d"
            return bool(ast.parse(code).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _arithmetic_in(text: str) -> list[str]:
    if len(text) > MAX_EXPRESSION_CHARS or _DATE.search(text):
        return []
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    expressions, rest = [], []
    end = 0
    for start, stop in _runs_of_tokens(text):
        expression = text[start:stop]
        if _is_calculation(expression):
            expressions.append(expression)
            rest.append(text[end:start])
            end = stop
    rest.append(text[end:])
    words = {word.lower() for word in _WORD.findall(" ".join(rest))}
    return expressions if words <= set(_ASKING_WORDS.split()) else []


def _runs_of_tokens(text: str) -> list[tuple[int, int]]:
    """Return where tokens of arithmetic follow each other with nothing but space between."""
    runs: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        if runs and not text[runs[-1][1] : token.start()].strip():
            runs[-1] = (runs[-1][0], token.end())
        else:
            runs.append(token.span())
    return runs


def _is_calculation(expression: str) -> bool:
    """Tell whether it parses and holds an operation; parsing is all that happens to it here."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    operates = any(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(tree))
    # "3 (4)" parses as calling the number 3.
    calls_names = all(
        isinstance(node.func, ast.Name) for node in ast.walk(tree) if isinstance(node, ast.Call)
    )
    return operates and calls_names


def _code_of(expression: str) -> str:
    return f"from math import sqrt\n{expression}" if "sqrt" in expression else expression
