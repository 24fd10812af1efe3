"""Records as JSON lines, each written as it comes, so that nothing paid for is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class OutputInvalid(Exception):
    """The file cannot be gone on with; says why."""


class LineFile(Generic[T]):
    """A file of records that is gone on with where it is there already.

    The first line holds the settings the records were made with. A last line that was cut short by
    a crash is dropped; what stands before it is left as it is.

    Args:
        path: The file; made if it is not there.
        settings: All that records depend on, beside what they say themselves.
        kind: The type of the records.

    Raises:
        OutputInvalid: If the file's settings are others, or it is no such file.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], kind: type[T]) -> None:
        self.path = path
        self.found: list[T] = []
        lines = self._lines()
        if lines:
            self._check(lines[0], settings)
            self.found = [
                self._record(number, line, kind) for number, line in enumerate(lines[1:], 2)
            ]
        try:
            self._file = path.open("ab", buffering=0)
            self._file.truncate(sum(map(len, lines)))
            if not lines:
                self._file.write(msgspec.json.encode(settings) + b"\n")
        except OSError as error:
            raise OutputInvalid(f"{path.name}: {error.strerror}") from error

    def add(self, record: T) -> None:
        """Write a record."""
        self._file.write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _lines(self) -> list[bytes]:
        try:
            raw = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise OutputInvalid(f"{self.path.name}: {error.strerror}") from error
        return [line for line in raw.splitlines(keepends=True) if line.endswith(b"\n")]

    def _check(self, line: bytes, settings: Mapping[str, Any]) -> None:
        try:
            before = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise OutputInvalid(f"{self.path.name}: is not a file of results") from error
        if not isinstance(before, dict):
            raise OutputInvalid(f"{self.path.name}: is not a file of results")
        changed = [name for name in settings if before.get(name) != settings[name]]
        if changed:
            problem = f"{self.path.name}: was made with other {_listed(changed)}"
            raise OutputInvalid(f"{problem}; name another file, or remove it")

    def _record(self, number: int, line: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(line, type=kind)
        except msgspec.DecodeError as error:
            raise OutputInvalid(f"{self.path.name}, line {number}: is not a result") from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
