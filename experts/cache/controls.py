"""What a request says of caches: ``cache-control`` (RFC 9111, section 5.2.1) and ``coe.cache``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

MAX_SECONDS = 30 * 86_400
"""The longest that anything is kept."""
_FLAGS = ("read", "write", "sampled", "similar")
_SECONDS = ("max_age", "ttl")


class ControlError(ValueError):
    """What is said of caches cannot be understood.

    Args:
        message: What is wrong with it, for the caller.
        param: The field that says it.
    """

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Controls:
    """What a request allows.

    Args:
        read: Whether an answer that is kept will do.
        write: Whether the answer may be kept.
        max_age: Seconds that a kept answer may be old; ``None``: as long as it is kept.
        ttl: Seconds to keep the answer; ``None``: as long as the tenant's are.
        sampled: Whether also where each answer may be another; ``None``: as the tenant wants.
        similar: Whether the answer to a request that is only like this one will do; ``None``: as the
            tenant wants.
    """

    read: bool = True
    write: bool = True
    max_age: float | None = None
    ttl: float | None = None
    sampled: bool | None = None
    similar: bool | None = None


def controls_of(extension: Any) -> Controls | None:
    """Return what ``coe.cache`` says; ``None`` where it says nothing.

    Args:
        extension: ``false`` (neither read nor kept), ``true``, or an object.

    Raises:
        ControlError: If it cannot be understood.
    """
    if extension is None:
        return None
    if extension is True:
        return Controls()
    if extension is False:
        return Controls(read=False, write=False)
    if not isinstance(extension, Mapping):
        raise ControlError("'coe.cache' must be true, false or an object.", "coe.cache")
    fields: dict[str, Any] = {}
    for name, value in extension.items():
        place = f"coe.cache.{name}"
        if name in _FLAGS:
            if not isinstance(value, bool):
                raise ControlError(f"'{place}' must be true or false.", place)
        elif name in _SECONDS:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and 0 <= value <= MAX_SECONDS):
                raise ControlError(f"'{place}' must be 0 to {MAX_SECONDS} seconds.", place)
        else:
            known = ", ".join((*_FLAGS, *_SECONDS))
            raise ControlError(f"'coe.cache' has no '{name}'; it has: {known}.", "coe.cache")
        fields[name] = value
    return Controls(**fields)


def narrowed(controls: Controls, header: str | None) -> Controls:
    """Return what is left of what is allowed under a ``cache-control`` header.

    Args:
        controls: What is allowed without.
        header: What is unknown there is ignored, as the RFC wants.
    """
    for directive in (header or "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "no-cache":
            controls = replace(controls, read=False)
        elif name == "no-store":
            controls = replace(controls, read=False, write=False)
        elif name == "max-age" and value.strip('" ').isdecimal():
            age = float(value.strip('" ')[:12])
            controls = replace(controls, max_age=min(age, _or_any(controls.max_age)))
    return controls


def _or_any(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds
