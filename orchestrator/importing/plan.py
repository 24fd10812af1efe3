"""What a foreign configuration becomes here, and what becomes of each key that it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["unsupported", "changed"]


class ConfigInvalid(Exception):
    """The file is not a configuration that can be converted; says where and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A key that is not carried over as it stands.

    Args:
        key: Its place in the file, as ``router_settings.num_retries``.
        kind: ``unsupported``: it has no effect here; ``changed``: another one than there.
        what: What becomes of it, or what to do instead.
    """

    key: str
    kind: Kind
    what: str


@dataclass(slots=True)
class Plan:
    """What to do so that this service does what the other did.

    Args:
        experts: Entries of the catalogue.
        secrets: Values to be stored, by name; never printed.
        tenants: By id, the ids of the experts their keys may use, or ``None`` for any.
        limits: By tenant, limits by name.
        settings: Environment variables to start the service with.
        findings: What is not carried over as it stands.
    """

    experts: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, list[str] | None] = field(default_factory=dict)
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def unsupported(self, key: str, what: str = "there is no such thing here") -> None:
        """Note a key that has no effect."""
        self.findings.append(Finding(key, "unsupported", what))

    def changed(self, key: str, what: str) -> None:
        """Note a key that has another effect than it had."""
        self.findings.append(Finding(key, "changed", what))


class Section:
    """A mapping of the file whose keys are taken one by one: what nobody takes is reported.

    Args:
        name: Its place in the file; empty for the whole file.
        content: What is there; nothing is an empty mapping.

    Raises:
        ConfigInvalid: If it is not a mapping.
    """

    def __init__(self, name: str, content: Any) -> None:
        if content is not None and not isinstance(content, Mapping):
            raise ConfigInvalid(f"{name or 'the file'} is not a mapping")
        self.name = name
        self._left: dict[str, Any] = dict(content or {})

    def place(self, key: str) -> str:
        """Return the place of a key in the file."""
        return f"{self.name}.{key}" if self.name else key

    def take(self, key: str) -> Any:
        """Return the value of a key, ``None`` where it is not there."""
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        """Return a text.

        Raises:
            ConfigInvalid: If it is something else.
        """
        value: str | None = self._typed(key, (str,), "a text")
        return value

    def number(self, key: str) -> float | None:
        """Return a number; one that is written as a text counts.

        Raises:
            ConfigInvalid: If it is something else.
        """
        value = self.take(key)
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError as error:
                raise ConfigInvalid(f"{self.place(key)} is not a number") from error
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigInvalid(f"{self.place(key)} is not a number")
        return value

    def flag(self, key: str) -> bool | None:
        """Return a truth value.

        Raises:
            ConfigInvalid: If it is something else.
        """
        value: bool | None = self._typed(key, (bool,), "true or false")
        return value

    def items(self, key: str) -> list[Any]:
        """Return a list, empty where it is not there.

        Raises:
            ConfigInvalid: If it is something else.
        """
        return self._typed(key, (list,), "a list") or []

    def section(self, key: str) -> Section:
        """Return a mapping inside this one."""
        return Section(self.place(key), self.take(key))

    def left(self) -> Iterator[str]:
        """Yield the places of the keys that nobody took."""
        return map(self.place, self._left)

    def _typed(self, key: str, kinds: tuple[type, ...], named: str) -> Any:
        value = self.take(key)
        if value is not None and not isinstance(value, kinds):
            raise ConfigInvalid(f"{self.place(key)} is not {named}")
        return value
