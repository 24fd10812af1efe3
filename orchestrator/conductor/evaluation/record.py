"""What came of one task under one strategy, and the file such records are kept in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One of several answers that were voted on.

    Args:
        answer: What it is for the vote: equal texts are equal answers.
        right: As graded.
        usd: US dollars it cost.
        tokens: Read and written.
    """

    answer: str
    right: bool | None
    usd: float
    tokens: int


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one task under one strategy.

    Args:
        task: Its id.
        digest: Of all the task holds: a task that has changed is another task.
        category: The task's.
        strategy: The strategy's name.
        status: ``failed`` where nobody answered.
        right: ``None`` where it cannot be told here.
        reason: Why it is wrong, cannot be told, or failed.
        answer: The final answer, shortened.
        stopped: The limit that was reached, where one was.
        verified: Whether a check held it to be right.
        calls: Of experts.
        tokens: Read and written.
        usd: US dollars.
        seconds: It took.
        active_parameters: Billions, summed over the calls; ``None`` where an expert's are unknown.
        samples: Answers that were voted on.
    """

    task: str
    digest: str
    category: str
    strategy: str
    status: Literal["answered", "failed"] = "answered"
    right: bool | None = None
    reason: str = ""
    answer: str = ""
    stopped: str | None = None
    verified: bool | None = None
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    active_parameters: float | None = None
    samples: tuple[Sample, ...] = ()


class OutputInvalid(Exception):
    """The file cannot be gone on with; says why."""


class RecordFile:
    """Records as JSON lines, each written as it comes, so that nothing paid for is lost.

    The first line holds the settings the records were made with. A last line that was cut short by
    a crash is dropped.

    Args:
        path: The file; made if it is not there.
        settings: All that records depend on, beside task and strategy.

    Raises:
        OutputInvalid: If the file's settings are others, or it is no such file.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.found: list[Record] = []
        lines = self._lines()
        if lines:
            self._check(lines[0], settings)
            self.found = [self._record(number, line) for number, line in enumerate(lines[1:], 2)]
        kept = b"".join((*lines, b"")) if lines else msgspec.json.encode(settings) + b"\n"
        try:
            path.write_bytes(kept)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise OutputInvalid(f"{path.name}: {error.strerror}") from error

    def add(self, record: Record) -> None:
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

    def _record(self, number: int, line: bytes) -> Record:
        try:
            return msgspec.json.decode(line, type=Record)
        except msgspec.DecodeError as error:
            raise OutputInvalid(f"{self.path.name}, line {number}: is not a result") from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
