"""Which versions this process is made of."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_OWN = "composition-of-experts"
_PACKAGES = (
    "celery",
    "coe-client",
    "fastapi",
    "granian",
    "langgraph",
    "litellm",
    "numpy",
    "psycopg",
    "pydantic",
    "redis",
    "sqlalchemy",
    "starlette",
)
"""Those whose version explains most of what goes wrong."""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


@cache
def own_version() -> str:
    """Return the version of the service."""
    return _version(_OWN)


@cache
def packages() -> dict[str, str]:
    """Return the versions of what it stands on."""
    return {name: _version(name) for name in _PACKAGES}


def python() -> str:
    """Return the interpreter's version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine() -> str:
    """Return the operating system and the processor's kind."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"
