"""Prompts to ask experts: read, put into the form they are asked in, and said how they are graded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.conductor.evaluation.evaluate import FORM
from orchestrator.conductor.evaluation.graders import grader_of
from orchestrator.conductor.evaluation.graders.choice import options_of
from orchestrator.conductor.evaluation.tasks import GradedTask, TasksInvalid, read_tasks
from orchestrator.conductor.values import Message

JUDGE = "judge"
"""The grader of prompts that only a judge can grade."""
LIVE_MESSAGES = "messages"
"""The field that holds a whole conversation in place of the prompt."""
_ENDS_WITH_ANSWER = frozenset({"exact", "numeric", "choice", "arithmetic", "sorting", "regex"})


def read_prompts(path: Path) -> list[GradedTask]:
    """Read prompts: a task each, of which ``target`` and ``category`` may be missing.

    A prompt without a target, tests or a schema is for a judge.

    Raises:
        TasksInvalid: Naming file, row and field.
    """
    return read_tasks(path, graded=False)


def judged(task: GradedTask) -> bool:
    """Tell whether only a judge can grade the answers to a prompt."""
    if task.grader:
        return task.grader == JUDGE
    return not task.target and not any(task.fields.get(name) for name in ("tests", "schema"))


def conversation(task: GradedTask, *, form: bool = True) -> tuple[Message, ...]:
    """Return what an expert is asked.

    Args:
        task: The prompt. ``messages`` of its fields stand in its place; ``system`` and ``context``
            stand before it, ``options`` below, each with its letter, unless it lists them itself.
        form: Whether the answer is asked for in a line of its own, where the grader looks for one.
    """
    if messages := task.fields.get(LIVE_MESSAGES):
        return tuple(messages)
    parts = []
    if context := _text_of(task, "context"):
        parts.append(f"Answer from this text:\n\n{context}")
    parts.append(task.prompt)
    options = options_of(task)
    if task.fields.get("options") and not _listed(task, options):
        parts.append("\n".join(f"({letter}) {words}" for letter, words in options.items()))
    asked = "\n\n".join(parts)
    if form and not judged(task) and grader_of(task) in _ENDS_WITH_ANSWER:
        asked += FORM
    system = _text_of(task, "system")
    before: tuple[Message, ...] = ({"role": "system", "content": system},) if system else ()
    return (*before, {"role": "user", "content": asked})


def request_of(task: GradedTask, *, form: bool = True) -> str:
    """Return what a judge is told that an expert was asked."""
    asked = conversation(task, form=form)
    if len(asked) == 1:
        return str(asked[0]["content"])
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in asked)


def row_of(task: GradedTask) -> dict[str, Any]:
    """Return a prompt as a row of a data set holds it, as ``coe router train`` reads it."""
    row: dict[str, Any] = {"id": task.id, "prompt": task.prompt}
    if task.category:
        row["category"] = task.category
    if isinstance(task.fields.get("options"), list):
        row["options"] = task.fields["options"]
    return row


def check_judges(tasks: list[GradedTask], judges: int, name: str) -> None:
    """Refuse prompts that need a judge where there is none.

    Raises:
        TasksInvalid: Naming the first of them.
    """
    waiting = [task for task in tasks if judged(task)]
    if waiting and not judges:
        raise TasksInvalid(
            f"{name}: {waiting[0].place} has no target, nor have {len(waiting) - 1} others: "
            "name a judge with --judge"
        )


def _listed(task: GradedTask, options: dict[str, str]) -> bool:
    return all(words in task.prompt for words in options.values())


def _text_of(task: GradedTask, name: str) -> str:
    value = task.fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TasksInvalid(f"{task.place}: {name}: is not text")
    return value.strip()
