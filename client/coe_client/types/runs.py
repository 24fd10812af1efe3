"""Runs in the background, what happens in them, and webhooks that tell of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from coe_client.types.base import WireModel

ENDED = frozenset({"finished", "failed", "cancelled"})


class RunSpent(WireModel):
    """What a run has used so far."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0


class RunError(WireModel):
    """Why a run failed."""

    code: str
    message: str = ""


class RunStep(WireModel):
    """One step of a run."""

    key: str
    number: int = 0
    kind: str = ""
    title: str = ""
    status: str = ""
    """``waiting``, ``running``, ``ok`` or ``failed``."""
    expert: str = ""
    input: str = ""
    output: str = ""
    tool_calls: list[dict[str, Any]] = Field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    started_at: float = 0.0
    """Seconds since 1970."""
    seconds: float = 0.0
    reused_from: str = ""
    """Key of an identical step before, which was not done again."""
    inherited: bool = False
    """Whether it was taken over from the run that is replayed."""


class Run(WireModel):
    """A run."""

    id: str
    status: str = ""
    """``queued``, ``running``, ``waiting``, ``finished``, ``failed`` or ``cancelled``."""
    strategy: str = ""
    policy: str = ""
    tenant: str = ""
    request_id: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    answer: str | None = None
    stopped: str | None = None
    """The limit that was reached, if one was."""
    verified: bool | None = None
    """What a check found; ``None``: nothing was checked."""
    error: RunError | None = None
    spent: RunSpent = Field(default_factory=RunSpent)
    metadata: dict[str, str] = Field(default_factory=dict)
    webhook: str | None = None
    replay_of: str | None = None
    replay_from: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it has come to its end, whichever."""
        return self.status in ENDED

    @property
    def over(self) -> bool:
        """The same, as batches and jobs call it."""
        return self.ended


class RunDetail(Run):
    """A run with its steps."""

    messages: list[dict[str, Any]] = Field(default_factory=list)
    context: list[str] = Field(default_factory=list)
    facts: list[tuple[str, str, str]] = Field(default_factory=list)
    checks: list[dict[str, Any]] = Field(default_factory=list)
    limits: dict[str, Any] = Field(default_factory=dict)
    approval: list[str] = Field(default_factory=list)
    steps: list[RunStep] = Field(default_factory=list)


class RunEvent(WireModel):
    """Something that has happened in a run."""

    id: str
    """Give it as ``after`` to go on from here."""
    type: str
    """``step.started``, ``step.delta``, ``step.finished``, ``step.waiting``, ``answer.delta`` or
    ``run.finished``."""
    step: RunStep | None = None
    key: str | None = None
    """Of the step that a piece of text belongs to."""
    text: str | None = None
    run: Run | None = None


class Strategy(WireModel):
    """A way to answer a task with several calls."""

    name: str
    description: str = ""
    picture: str = ""
    """Its graph, as Mermaid."""


class Assignment(WireModel):
    """Which strategy answers which requests; ``*`` stands for any."""

    id: str
    tenant: str = "*"
    policy: str = "*"
    category: str = "*"
    strategy: str = ""
    updated_at: datetime | None = None
    updated_by: str = ""


class Lesson(WireModel):
    """What a run has taught: a task, and the answer that a check held to be right."""

    id: str
    tenant: str = ""
    category: str = ""
    task: str = ""
    answer: str = ""
    warning: str = ""
    """What a check had against an answer before it."""
    created_at: datetime | None = None


class Webhook(WireModel):
    """Where a tenant wants to be told of its runs."""

    id: str
    url: str = ""
    created_at: datetime | None = None


class CreatedWebhook(Webhook):
    """A new webhook; the only time the service shows its secret."""

    secret: str = Field(repr=False)


class WebhookEvent(WireModel):
    """What a webhook is told."""

    type: str
    """Such as ``run.finished``."""
    timestamp: datetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)

    @property
    def run(self) -> Run:
        """The run that it tells of."""
        return Run.model_validate(self.data)


class WebhookDelivery(WireModel):
    """A message to a webhook."""

    id: str
    run_id: str = ""
    type: str = ""
    created_at: datetime | None = None
    attempts: int = 0
    next_at: datetime | None = None
    """Of the next attempt; ``None``: there is none."""
    delivered_at: datetime | None = None
    last_status: int | None = None
    last_problem: str | None = None
