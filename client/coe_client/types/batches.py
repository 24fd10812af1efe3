"""Files, batches and jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from coe_client.types.base import WireModel


class File(WireModel):
    """A file the service keeps."""

    id: str
    object: str = "file"
    bytes: int
    created_at: int
    expires_at: int | None = None
    filename: str
    purpose: str
    status: str = "processed"


class FileDeleted(WireModel):
    """A file that is gone."""

    id: str
    object: str = "file"
    deleted: bool = True


class RequestCounts(WireModel):
    """How many requests of a batch there are, were answered, and were not."""

    total: int
    completed: int
    failed: int


class BatchError(WireModel):
    """What is wrong with a line of a batch's input."""

    code: str
    line: int | None = None
    message: str
    param: str | None = None


class BatchErrors(WireModel):
    """What is wrong with a batch's input."""

    object: str = "list"
    data: list[BatchError]


class BatchExtra(WireModel):
    """What this service adds to a batch."""

    cost_usd: float
    priority: int
    waits_for: str | None = None
    unbegun: int


class Batch(WireModel):
    """Many requests, answered within a time."""

    id: str
    object: str = "batch"
    endpoint: str
    errors: BatchErrors | None = None
    input_file_id: str
    completion_window: str
    status: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: RequestCounts
    usage: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] | None = None
    coe: BatchExtra

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in {"completed", "failed", "expired", "cancelled"}


class ExpertShare(WireModel):
    """What one expert is expected to answer of a batch."""

    expert: str
    requests: int
    usual_usd: float


class BatchEstimate(WireModel):
    """What a batch is expected to cost, from some of its requests."""

    requests: int
    looked_at: int
    usual_usd: float
    most_usd: float
    experts: list[ExpertShare]
    problems: list[BatchError]


class JobProgress(WireModel):
    """How far a job is, in items."""

    total: int
    completed: int
    failed: int
    dropped: int


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
