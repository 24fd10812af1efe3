"""Which JSON values the registry can keep and give back unchanged."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 16
MAX_NODES = 20_000
MAX_NUMBER = 2**53
"""Numbers up to here are exact in every JSON implementation (RFC 8259, section 6)."""

_SURROGATE = re.compile("[\ud800-\udfff]")

Path = tuple[str | int, ...]


def unstorable(value: Any) -> Iterator[tuple[Path, str]]:
    """Yield the place and the reason of everything in a value that could not be kept as it is.

    Postgres' ``jsonb`` refuses NUL bytes, lone surrogates, NaN and infinities, and gives a float
    of 1e16 or more back as an integer. The walk is bounded and does not recurse, so a hostile
    document costs no more than an honest one.
    """
    waiting: list[tuple[Path, Any]] = [((), value)]
    nodes = 0
    while waiting:
        path, item = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            yield (), f"more than {MAX_NODES} values"
            return
        if isinstance(item, dict | list):
            if len(path) >= MAX_DEPTH:
                yield path, f"nested more than {MAX_DEPTH} deep"
                continue
            yield from _key_problems(path, item)
            waiting.extend(_children(path, item))
        else:
            reason = _scalar_problem(item)
            if reason:
                yield path, reason


def _key_problems(path: Path, item: dict[Any, Any] | list[Any]) -> Iterator[tuple[Path, str]]:
    if isinstance(item, dict):
        for key in item:
            if not isinstance(key, str):
                yield path, "field names must be text"
            elif text_problem(key):
                yield path, f"a field name {text_problem(key)}"


def _children(path: Path, item: dict[Any, Any] | list[Any]) -> Iterator[tuple[Path, Any]]:
    pairs = item.items() if isinstance(item, dict) else enumerate(item)
    for key, child in pairs:
        if isinstance(key, int) or (isinstance(key, str) and not text_problem(key)):
            yield (*path, key), child


def _scalar_problem(item: Any) -> str | None:
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, str):
        return text_problem(item)
    if isinstance(item, int | float):
        if not math.isfinite(item) if isinstance(item, float) else False:
            return "must be a finite number"
        return None if abs(item) <= MAX_NUMBER else "a number lies outside -2^53..2^53"
    return f"a value of type {type(item).__name__} is not JSON"


def text_problem(text: str) -> str | None:
    """Say why Postgres would refuse a text, or ``None``."""
    if "\x00" in text:
        return "holds a NUL character"
    if _SURROGATE.search(text):
        return "holds half of a surrogate pair"
    return None
