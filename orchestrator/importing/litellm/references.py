"""Values that litellm's files keep in the environment, as ``os.environ/NAME``."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PREFIX = "os.environ/"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def variable_of(value: str) -> str | None:
    """Return the environment variable that a value stands for, if it stands for one."""
    name = value.removeprefix(_PREFIX)
    return name if name != value and _VARIABLE.fullmatch(name) else None


def looked_up(value: str, environ: Mapping[str, str]) -> str | None:
    """Return a value, or that of the variable it stands for; ``None`` where that is not set."""
    name = variable_of(value)
    return value if name is None else environ.get(name)
