"""The steps of a run as its usage record keeps them: who did what, when, at what cost; nothing that was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from experts.pricing import nanos_of
from orchestrator.conductor.values import Step

MOST_STEPS = 100
"""Of one request; limits end most runs long before. What all steps cost is in ``attempts`` in any case."""
_LONGEST_TITLE = 80
_CALLED = "act."
"""Begins the keys of steps that whoever conducts has asked for: it names the roles itself."""


def recorded(
    steps: Iterable[Step],
    *,
    began: float,
    now: float,
    errors: Mapping[str, str],
    roles: bool,
) -> dict[str, Any]:
    """Return steps as a usage record keeps them: ``listed``, and how many are ``left_out`` of that.

    Args:
        steps: All of the run, in any order, those that failed or were given up too.
        began: When the request began, in seconds since 1970.
        now: The same for its end; what still runs is given up then.
        errors: Codes of what went wrong, by the step's key.
        roles: Whether titles that a model made up may be kept: they say what it was asked for.
    """
    ordered = sorted(steps, key=lambda step: step.number)
    numbers = {step.key: step.number for step in ordered}
    listed = [
        _element(step, began, now, numbers)
        | ({"title": _title(step)} if roles or not _named_by_model(step) else {})
        | ({"error": errors[step.key]} if step.key in errors else {})
        for step in ordered[:MOST_STEPS]
    ]
    return {"listed": listed, "left_out": len(ordered) - len(listed)}


def lasted(step: Step, now: float) -> float:
    """Return how many seconds a step took; one that still runs has taken the time until now."""
    return max(now - step.started_at, 0.0) if step.status == "running" else step.seconds


def _element(step: Step, began: float, now: float, numbers: Mapping[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": step.number,
        "kind": step.kind,
        "status": "cancelled" if step.status == "running" else step.status,
        "began_ms": round(max(step.started_at - began, 0.0) * 1000, 3),
        "duration_ms": round(lasted(step, now) * 1000, 3),
    }
    parent = _parent(step.key, numbers)
    if parent is not None:
        found["parent"] = parent
    if step.expert:
        found |= {"expert": step.expert, "version": step.expert_version}
    if step.reused_from:
        return found | {"reused_from": numbers.get(step.reused_from)}
    if step.expert:
        found |= {
            "prompt_tokens": step.prompt_tokens,
            "completion_tokens": step.completion_tokens,
            "tokens_estimated": step.tokens_estimated,
            "cost_nanos": nanos_of(step.usd),
        }
    return found


def _parent(key: str, numbers: Mapping[str, int]) -> int | None:
    """Return the number of the step that a step is a part of: its key leads that one's."""
    lead = key
    while "/" in lead:
        lead = lead.rpartition("/")[0]
        if lead in numbers:
            return numbers[lead]
    return None


def _named_by_model(step: Step) -> bool:
    called = step.key.rpartition("/")[2].startswith(_CALLED)
    known = step.title == step.expert or (step.kind == "strategy" and step.status == "ok")
    return called and step.kind in {"expert", "strategy"} and not known


def _title(step: Step) -> str:
    return step.title[:_LONGEST_TITLE]
