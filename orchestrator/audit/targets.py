"""What an entry of the audit log is about: read from its action, its detail and its answer. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_ACTION = re.compile(r"[A-Z]+ /(?:admin/api|v1)/(.+)")
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")
_ROOTS = ("/admin/api/", "/v1/")


def target_of(action: str, detail: Mapping[str, Any]) -> str:
    """Return what was to be changed, as a path such as ``keys/key_1``; empty: it was no request.

    Args:
        action: Of the entry.
        detail: Of the entry: what was made anew is named there.
    """
    named = detail.get("target")
    if isinstance(named, str):
        return named
    found = _ACTION.fullmatch(action)
    return found[1] if found else ""


def place_of_new(path: str, answer: bytes) -> str | None:
    """Return the path of what a request has made, by the id in its answer; ``None``: it has none.

    Args:
        path: Where the request was sent.
        answer: What it was answered.
    """
    try:
        made = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    name = made.get("id") if isinstance(made, dict) else None
    if not isinstance(name, str) or not _ID.fullmatch(name):
        return None
    return f"{path.rstrip('/')}/{name}"


def short(path: str) -> str:
    """Return a path as targets are written."""
    return next((path[len(root) :] for root in _ROOTS if path.startswith(root)), path)
