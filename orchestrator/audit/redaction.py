"""What an audit entry keeps of a request's body: names and small values, never a secret. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SECRET = re.compile(
    r"secret|passw|token|credential|authorization|api[_-]?key|private[_-]?key|cookie", re.IGNORECASE
)
_OUR_SECRET = re.compile(r"(?:sk|ses)-coe-[A-Za-z0-9_-]{16,}")
_VALUE_PATHS = re.compile(r"^/admin/api/secrets/")
_LONGEST_TEXT = 200
_LONGEST_LIST = 20
_LARGEST = 4_000
_HIDDEN = "***"
_DEEPEST = 6


def kept_of(path: str, body: bytes, *, complete: bool) -> dict[str, Any]:
    """Return what is kept of a body.

    Args:
        path: Where it was sent.
        body: Its first bytes.
        complete: Whether they are all.
    """
    if not body:
        return {}
    if not complete:
        return {"body": "not kept: too large"}
    if _VALUE_PATHS.match(path):
        return {}
    try:
        return {"body": shown(json.loads(body))}
    except (ValueError, RecursionError):
        return {"body": "not kept: no JSON"}


def shown(value: Any) -> Any:
    """Return what is kept of a JSON value.

    Raises:
        RecursionError: If it is nested too deeply.
    """
    kept = _shown(value, 0)
    return kept if len(json.dumps(kept)) <= _LARGEST else "not kept: too large"


def _shown(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {
            _cut(name): _HIDDEN
            if _SECRET.search(name) and not _harmless(part)
            else _shown(part, depth + 1)
            for name, part in value.items()
        }
    if isinstance(value, list):
        parts = [_shown(part, depth + 1) for part in value[:_LONGEST_LIST]]
        return parts if len(value) <= _LONGEST_LIST else [*parts, f"... {len(value)} in all"]
    return _cut(value) if isinstance(value, str) else value


def _harmless(value: Any) -> bool:
    """Tell whether a value of a suspicious name is a number, a flag, or a reference by name."""
    return value is None or isinstance(value, bool | int | float | Mapping)


def _cut(text: str) -> str:
    clean = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    clean = _OUR_SECRET.sub(_HIDDEN, clean)
    return clean if len(clean) <= _LONGEST_TEXT else f"{clean[:_LONGEST_TEXT]}... ({len(clean)})"
