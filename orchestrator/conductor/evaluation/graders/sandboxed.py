"""What the sandbox's Python lacks: not the fault of a program that is graded in it."""

from __future__ import annotations

import builtins
import re
import sys

_NO_ATTRIBUTE = re.compile(r"(?:type object )?'(\w+)'(?: object)? has no attribute '(\w+)'")
_NO_NAME = re.compile(r"name '(\w+)' is not defined")
_NO_MODULE = re.compile(r"No module named '(\w+)'")
HIDDEN = frozenset(
    {"open", "globals", "locals", "vars", "input", "compile", "breakpoint", "exit", "quit", "help"}
)
"""Builtins that are kept from programs on purpose."""


def lacking(reason: str) -> str | None:
    """Return what of Python the sandbox lacks, where an error says so."""
    if "not yet support" in reason or reason.startswith("NotImplementedError"):
        return reason
    attribute = _NO_ATTRIBUTE.search(reason)
    if attribute:
        kind, name = attribute.groups()
        known = hasattr(getattr(builtins, kind, None), name) and not name.startswith("_")
        return f"{kind}.{name}" if known else None
    named = _NO_NAME.search(reason)
    if named:
        name = named[1]
        known = hasattr(builtins, name) and not name.startswith("_") and name not in HIDDEN
        return name if known else None
    module = _NO_MODULE.search(reason)
    return f"module {module[1]}" if module and module[1] in sys.stdlib_module_names else None
