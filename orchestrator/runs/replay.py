"""A run done again from one of its steps: which steps it takes over, and what is different."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from orchestrator.runs.record import RunRequest

Row = dict[str, Any]


class StepUnknown(Exception):
    """The run has no such step, or has not begun it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different.

    Args:
        instruction: Of the step it begins with.
        expert: Who does that step.
        output: What that step is to have come to.
        request: Fields of the request.
    """

    instruction: str | None = None
    expert: str | None = None
    output: str | None = None
    request: dict[str, Any] = field(default_factory=dict)


def replayed(request: RunRequest, key: str, changes: Changes) -> RunRequest:
    """Return the request of the new run.

    Args:
        request: Of the run that is replayed.
        key: Of the first step that is done anew.
        changes: What is different.
    """
    amendment = {"instruction": changes.instruction, "expert": changes.expert}
    said = {name: value for name, value in amendment.items() if value is not None}
    amended = {other: change for other, change in request.amended.items() if other != key}
    if said:
        amended[key] = said
    fields = dict(changes.request)
    if "limits" in fields:
        fields["limits"] = {**request.limits, **fields["limits"]}
    # What guardrails noted is on the record of the run that they have judged.
    return msgspec.structs.replace(request, amended=amended, noted=(), **fields)


def inherited(steps: list[Row], key: str, run_id: str, changes: Changes) -> list[Row]:
    """Return the steps that the new run takes over: those that began before, and have ended.

    A step that stands for work below it (``act.1.1``) is done anew with all of that
    (``act.1.1/attempt``), and where a step of such work is, so are those that it is a part of.

    Args:
        steps: Of the run that is replayed.
        key: Of the first step that is done anew.
        run_id: Of the new run.
        changes: With ``output``, the step itself is taken over with that.

    Raises:
        StepUnknown: If the run has no such step.
    """
    first = next((step for step in steps if step["key"] == key and step["number"] > 0), None)
    if first is None:
        raise StepUnknown(key)
    taken = [
        step
        for step in steps
        if step["number"] < first["number"]
        and step["ended"] is not None
        and not step["key"].startswith(f"{key}/")
        and not key.startswith(f"{step['key']}/")
    ]
    if changes.output is not None:
        taken.append({**first, "status": "ok", "output": changes.output, "tool_calls": []})
    taken.sort(key=lambda step: step["number"])
    return [
        {**step, "run_id": run_id, "begun": 2 * place - 1, "ended": 2 * place, "inherited": True}
        for place, step in enumerate(taken, 1)
    ]
