"""Jobs: work of many items, and what is done every so often."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict

from pydantic import Field

from coe_client.types.base import WireModel
from coe_client.types.service import UsageFilter


class ExportQuery(UsageFilter, total=False):
    """Which usage records a job exports, and how."""

    start: str | None
    """A day, or a moment with its time zone."""
    end: str | None
    format: Literal["csv", "jsonl", "parquet"] | None


class LearningOptions(TypedDict, total=False):
    """How a router is learned, as the options of ``coe router train``."""

    name: str
    embedder: str
    discover: bool
    categories: int | None
    grow: bool
    contrastive: bool
    stored: int
    proof: float
    folds: int | None
    seed: int


class _Export(TypedDict, total=False):
    """Of the kind ``export``: usage records as a file."""

    usage: ExportQuery


class _Training(TypedDict, total=False):
    """Of the kind ``training``: a router learned from data, stored as a version that does not decide yet."""

    input_file_id: str | None
    """Prompts with labels and scores; the kind ``evaluation``: with targets."""
    feedback_days: int | None
    """Learn from feedback on requests of so many days."""
    learning: LearningOptions
    note: str
    shadow_share: float | None
    """Let it decide beside the active router for this share of requests."""


class _Evaluation(TypedDict, total=False):
    """Of the kind ``evaluation``: prompts put to experts, their answers graded and judged."""

    experts: list[str] | None
    judges: list[str]
    against: str | None
    repeat: int
    count: int | None
    categories: list[str]
    max_usd: float | None
    max_tokens: int
    temperature: float | None
    seed: int | None
    form: bool


class JobOptions(_Export, _Training, _Evaluation, total=False):
    """What a job is started with; which of them it takes depends on its kind."""

    priority: int
    """Among the tenant's jobs; higher goes first."""
    deadline_seconds: float | None
    """Until it is given up; ``None``: never."""
    webhook: str | None
    """Id of a webhook that is told of the end."""
    metadata: dict[str, str]


class JobProgress(WireModel):
    """How far a job is, in items."""

    total: int
    completed: int
    failed: int
    dropped: int


class JobWork(WireModel):
    """How far a worker is with a job as a whole."""

    doing: str = ""
    done: int = 0
    of: int | None = None
    """``None`` where that is not known."""


class Job(WireModel):
    """Work of many items."""

    id: str
    kind: str
    tenant: str
    key_id: str
    state: str
    priority: int
    progress: JobProgress
    cost_usd: float
    prompt_tokens: int
    completion_tokens: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline: datetime | None = None
    waits_for: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    work: JobWork | None = None
    """What a worker is doing for it as a whole."""
    result: dict[str, Any] | None = None
    """What came of it; the names of files that it made are under ``files``."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in {"finished", "failed", "cancelled", "expired"}


class JobFailures(WireModel):
    """How many items of a job failed for a reason."""

    error_code: str
    items: int
    example: str | None = None


class JobDetail(Job):
    """A job, and why items of it failed."""

    failures: list[JobFailures]


class JobRequeued(WireModel):
    """How many items were queued again."""

    requeued: int
    job: Job


class ScheduledTask(WireModel):
    """Something that one process or another does every so often."""

    name: str
    every: float = 0.0
    """Seconds between two beginnings."""
    running: bool = False
    wanted: bool = False
    """Whether somebody asked for it to be done at once."""
    last_run: datetime | None = None
    last_success: datetime | None = None
    next_run: datetime | None = None
    seconds: float | None = None
    """How long the last run took."""
    problem: str | None = None
    """What went wrong the last time."""


class Schedule(WireModel):
    """All that is done every so often."""

    data: list[ScheduledTask]
