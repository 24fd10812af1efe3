"""Tasks with known answers, read from JSON lines.

A line holds ``category``, ``prompt`` and ``target``; ``grader`` where the category does not say
which one it is (:mod:`orchestrator.conductor.evaluation.graders`), ``id``, and whatever else the
grader looks at (``options``, ``schema``, ``tolerance``).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

_LONGEST_LINE = 8 * 1024 * 1024
_NAMED = frozenset({"id", "category", "prompt", "target", "grader"})


class TasksInvalid(Exception):
    """The file does not hold tasks; names file, row and field."""


@dataclass(frozen=True, slots=True)
class GradedTask:
    """A task whose answer can be graded.

    Args:
        id: Names it in results; unique in its file.
        category: What kind of task it is.
        prompt: What the experts are asked.
        target: The right answer, in the form its grader reads; empty where the prompt says it all.
        grader: Name of the grader; empty: the category's.
        fields: Whatever else the row holds.
        row: Of its file, from 1, for messages; 0 where it comes from none.
    """

    id: str
    category: str
    prompt: str
    target: str = ""
    grader: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    row: int = field(default=0, compare=False)

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"row {self.row}, prompt {self.id!r}" if self.row else f"prompt {self.id!r}"


def read_tasks(path: Path, *, graded: bool = True) -> list[GradedTask]:
    """Read a file of tasks, JSON lines, compressed if its name ends in ``.gz``.

    Args:
        path: The file.
        graded: Whether every task must have a category and a target; without, both may be left out.

    Raises:
        TasksInvalid: Naming file, row and field.
    """
    tasks: list[GradedTask] = []
    first_row: dict[str, int] = {}
    for number, row in _rows(path):
        where = f"{path.name}, row {number}"
        task = _task(row, number, where, graded=graded)
        if task.id in first_row:
            raise TasksInvalid(f"{where}: id: {task.id!r} is the id of row {first_row[task.id]}")
        first_row[task.id] = number
        tasks.append(task)
    if not tasks:
        raise TasksInvalid(f"{path.name}: holds no task")
    return tasks


def drawn(tasks: Sequence[GradedTask], count: int, *, seed: int = 0) -> list[GradedTask]:
    """Draw tasks, as many of each category as there are, in the order of the file.

    Args:
        tasks: All of them.
        count: How many; all where there are not more.
        seed: Same seed, same tasks. A larger count adds tasks to those of a smaller one.
    """
    by_category: dict[str, list[GradedTask]] = {}
    for task in tasks:
        by_category.setdefault(task.category, []).append(task)
    rng = random.Random(seed)  # noqa: S311 - no secret
    for group in by_category.values():
        rng.shuffle(group)
    in_turn = zip_longest(*by_category.values())
    chosen = [task for turn in in_turn for task in turn if task is not None][:count]
    ids = {task.id for task in chosen}
    return [task for task in tasks if task.id in ids]


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if len(line) > _LONGEST_LINE:
                    raise TasksInvalid(f"{path.name}, row {number}: longer than 8 MiB")
                if line.strip():
                    yield number, json.loads(line)
    except UnicodeDecodeError as error:
        raise TasksInvalid(f"{path.name}, row {number + 1}: is not UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise TasksInvalid(f"{path.name}, row {number}: is not JSON ({error})") from error
    except ValueError as error:  # a number of too many digits
        raise TasksInvalid(f"{path.name}, row {number}: {error}") from error
    except (OSError, EOFError) as error:
        raise TasksInvalid(f"{path.name}: cannot be read ({error})") from error


def _task(row: Any, number: int, where: str, *, graded: bool) -> GradedTask:
    if not isinstance(row, dict):
        raise TasksInvalid(f"{where}: is not an object")
    prompt = _text(row, "prompt", where)
    named = graded or row.get("category") is not None
    category = _text(row, "category", where) if named else ""
    return GradedTask(
        id=_id(row, where) or f"{number}-{_digest(prompt)}",
        category=category,
        prompt=prompt,
        target=_target(row, where, needed=graded),
        grader=_text(row, "grader", where) if row.get("grader") is not None else "",
        fields={name: value for name, value in row.items() if name not in _NAMED},
        row=number,
    )


def _text(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if value is None:
        raise TasksInvalid(f"{where}: {name}: is missing")
    if not isinstance(value, str):
        raise TasksInvalid(f"{where}: {name}: is not text")
    if not value.strip():
        raise TasksInvalid(f"{where}: {name}: is empty")
    return value


def _id(row: dict[str, Any], where: str) -> str:
    value = row.get("id", "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TasksInvalid(f"{where}: id: is neither text nor a whole number")
    return str(value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _target(row: dict[str, Any], where: str, *, needed: bool) -> str:
    """Return the target as text; several that are all right are kept as a JSON list."""
    value = row.get("target", row.get("answer"))
    if value is None and not needed:
        return ""
    if value is None:
        raise TasksInvalid(f"{where}: target: is missing")
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | list | dict):
        raise TasksInvalid(f"{where}: target: is neither text, a number nor a list")
    return json.dumps(value, ensure_ascii=False)
