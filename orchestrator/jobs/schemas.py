"""Jobs as they are shown to operators."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from experts.pricing import usd_of
from orchestrator.jobs.record import JobState, Row

JOB_ID = re.compile(r"[a-z]{1,16}_[0-9a-f]{32}")


class Progress(BaseModel):
    """How far a job is, in items."""

    total: int
    completed: int
    failed: int
    dropped: int = Field(description="Ended without being done: the job was stopped before.")


class Work(BaseModel):
    """How far a worker is with a job as a whole."""

    doing: str
    done: int
    of: int | None = Field(description="Null where that is not known.")


class JobView(BaseModel):
    """One job."""

    id: str
    kind: str
    tenant: str
    key_id: str
    state: JobState
    priority: int
    progress: Progress
    cost_usd: float
    prompt_tokens: int
    completion_tokens: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime | None
    waits_for: str | None = Field(description="What keeps it from going on, such as a budget.")
    error_code: str | None
    error_message: str | None
    metadata: dict[str, Any]
    work: Work | None = Field(description="What a worker is doing for the job as a whole.")
    result: dict[str, Any] | None = Field(
        description="What came of it; the names of the files that it made are under `files`."
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return a job's row as it is shown."""
        own = {name: row[name] for name in cls.model_fields if name in row}
        return cls(
            **own,
            progress=Progress(**{name: row[name] for name in Progress.model_fields}),
            cost_usd=usd_of(row["cost_nanos"]),
        )


class ScheduledTask(BaseModel):
    """Something that one process or another does every so often."""

    name: str
    every: float = Field(description="Seconds between two beginnings.")
    running: bool
    wanted: bool = Field(description="Whether somebody asked for it to be done at once.")
    last_run: datetime | None
    last_success: datetime | None
    next_run: datetime
    seconds: float | None = Field(description="How long the last run took.")
    problem: str | None = Field(description="What went wrong the last time.")


class ScheduleView(BaseModel):
    """All that is done every so often."""

    data: list[ScheduledTask]


class FailureCount(BaseModel):
    """How many items of a job failed for a reason, and what was said the last time."""

    error_code: str
    items: int
    example: str | None


class JobDetail(JobView):
    """One job, and why items of it failed."""

    failures: list[FailureCount]


class RequeueWanted(BaseModel):
    """Which failed items to try again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    error_code: str | None = Field(
        default=None, max_length=64, description="Only those that failed with it; null: all."
    )
    dropped: bool = Field(
        default=False, description="Also those that were never begun, since the job was stopped."
    )


class RequeueDone(BaseModel):
    """How many items were queued again."""

    requeued: int
    job: JobView
