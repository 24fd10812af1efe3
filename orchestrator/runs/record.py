"""What is stored of a run: what was asked for, and each step. Plain values and how they become rows."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Literal

import msgspec

from orchestrator.conductor.checks import NO_CHECKS, Checks
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.sources import with_sources
from orchestrator.conductor.values import Amendment, Message, Step, Task, Triple, storable
from router import routing_text

API = "runs"
"""What usage records name as the endpoint."""
Status = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"finished", "failed", "cancelled"})

_STEP_FIELDS = tuple(field.name for field in fields(Step))


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run is to do, as it was asked for.

    Args:
        messages: The conversation.
        policy: The trade-off that experts are chosen under.
        context: Passages that come with it, the most trusted first.
        facts: Facts that come with it.
        checks: By programs, that the answer has to pass.
        limits: What the run may use.
        parameters: Sampling parameters that calls inherit.
        category: Id of the task's category.
        uncertainty: How little the router knows of the task, 0 to 1.
        approval: Kinds of steps that wait until somebody allows them.
        experts: Ids of the experts that may be asked; ``None``: all.
        amended: By key, what is different about a step of a replayed run.
        trace: What carries the trace of the request to the worker.
        noted: What guardrails did and flagged when it was asked for, as a usage record has it.
    """

    messages: tuple[Message, ...]
    policy: str
    context: tuple[str, ...] = ()
    facts: tuple[Triple, ...] = ()
    checks: Checks = NO_CHECKS
    limits: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    category: str | None = None
    uncertainty: float = 0.0
    approval: tuple[str, ...] = ()
    experts: tuple[str, ...] | None = None
    amended: dict[str, dict[str, str]] = {}
    trace: dict[str, str] = {}
    noted: tuple[dict[str, Any], ...] = ()

    def task(self, tenant: str) -> Task:
        """Return what is to be answered."""
        told = routing_text(list(self.messages))
        return Task(
            with_sources(self.messages, self.context),
            told.text,
            policy=self.policy,
            category=self.category,
            uncertainty=self.uncertainty,
            tenant=tenant,
            facts=self.facts,
            parameters=dict(self.parameters),
            checks=self.checks,
            context=self.context,
        )

    def bounds(self) -> Limits:
        """Return what the run may use."""
        return Limits(**self.limits)

    def amendments(self) -> dict[str, Amendment]:
        """Return, by key, what is different about a step."""
        return {key: Amendment(**change) for key, change in self.amended.items()}


def request_of(stored: dict[str, Any]) -> RunRequest:
    """Return the request that a row holds."""
    return msgspec.convert(stored, RunRequest)


def step_of(row: Any) -> Step:
    """Return the step that a row holds."""
    values = {name: row[name] for name in _STEP_FIELDS}
    return Step(**{**values, "tool_calls": tuple(row["tool_calls"])})


def row_of(run_id: str, step: Step, *, begun: int | None, ended: int | None) -> dict[str, Any]:
    """Return a step as a row.

    Args:
        run_id: Of the run it belongs to.
        step: The step.
        begun: Number of the event that says that it began.
        ended: Number of the event that says that it ended.
    """
    values: dict[str, Any] = storable(asdict(step))
    return {**values, "run_id": run_id, "begun": begun, "ended": ended, "inherited": False}
