"""The prompts of an evaluation, read from the file that was uploaded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.conductor.evaluation.tasks import GradedTask, TasksInvalid, drawn
from orchestrator.evaluations.prompts import read_prompts

_GZIP = b"\x1f\x8b"


def prompts_in(data: bytes, count: int | None, categories: Sequence[str]) -> list[GradedTask]:
    """Return the prompts of a file, perhaps some of them only.

    Args:
        data: The file: JSON lines, perhaps compressed with gzip.
        count: So many, drawn evenly over categories; ``None``: all.
        categories: Only of these; empty: of all.

    Raises:
        TasksInvalid: Naming row and field.
    """
    with tempfile.TemporaryDirectory(prefix="coe-evaluation-") as folder:
        path = Path(folder) / ("prompts.jsonl.gz" if data.startswith(_GZIP) else "prompts.jsonl")
        path.write_bytes(data)
        tasks = read_prompts(path)
    there = dict.fromkeys(task.category for task in tasks)
    for name in categories:
        if name not in there:
            raise TasksInvalid(f"there is no category {name!r}; there are {', '.join(there)}")
    tasks = [task for task in tasks if not categories or task.category in categories]
    return tasks if count is None else drawn(tasks, count)
