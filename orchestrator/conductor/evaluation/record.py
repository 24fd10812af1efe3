"""What came of one task under one strategy, and the file such records are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from orchestrator.kit.line_file import LineFile, OutputInvalid

__all__ = ["OutputInvalid", "Record", "RecordFile", "Sample"]


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


class RecordFile(LineFile[Record]):
    """What came of an evaluation so far; see :class:`orchestrator.kit.line_file.LineFile`.

    Args:
        path: The file; made if it is not there.
        settings: All that records depend on, beside task and strategy.

    Raises:
        OutputInvalid: If the file's settings are others, or it is no such file.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(path, settings, Record)
