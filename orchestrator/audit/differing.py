"""What differs between two states of a thing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FLEETING = frozenset({"use", "last_used_at"})
"""Fields that change without anybody changing anything."""


def differing(before: Any, after: Any) -> tuple[Any, Any]:
    """Return of two states only what differs, field by field; a field that one lacks is not in its half.

    Args:
        before: A JSON value; ``None``: there was nothing.
        after: Likewise.
    """
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return before, after
    pairs = {
        name: differing(before.get(name), after.get(name))
        for name in (*before, *(name for name in after if name not in before))
        if name not in _FLEETING
        and (name not in before or name not in after or before[name] != after[name])
    }
    return (
        {name: old for name, (old, _) in pairs.items() if name in before},
        {name: new for name, (_, new) in pairs.items() if name in after},
    )
