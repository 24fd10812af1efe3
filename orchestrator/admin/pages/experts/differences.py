"""What differs between two versions of an expert. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.admin.pages.experts.entry import concise

_LONG = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs.

    Args:
        field: Path in the entry, such as ``price.input`` or ``endpoints[0].url``.
        before: Its value as text; ``None``: it was not there.
        after: Likewise.
    """

    field: str
    before: str | None
    after: str | None


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return what differs between two entries, by field."""
    old, new = dict(_leaves(concise(before))), dict(_leaves(concise(after)))
    return [
        Difference(field, old.get(field), new.get(field))
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    ]


def told(found: list[Difference], most: int = 3) -> str:
    """Return differences in one line: ``price.input 1 → 2, model set; 2 more``."""
    shown = ", ".join(_told(one) for one in found[:most])
    more = len(found) - most
    return shown + (f"; {more} more" if more > 0 else "")


def _told(one: Difference) -> str:
    if one.before is None:
        short = one.after is not None and len(one.after) < _LONG // 2
        return f"{one.field} set to {one.after}" if short else f"{one.field} set"
    if one.after is None:
        return f"{one.field} removed"
    if len(one.before) + len(one.after) > _LONG:
        return f"{one.field} changed"
    return f"{one.field} {one.before} → {one.after}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for at, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{at}]")
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value)) or "none"
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)
