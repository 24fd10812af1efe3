"""Files, batches and jobs."""

from __future__ import annotations

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


class InputTokenDetails(WireModel):
    """What some tokens of prompts were."""

    cached_tokens: int = 0


class OutputTokenDetails(WireModel):
    """What some tokens of answers were."""

    reasoning_tokens: int = 0


class BatchUsage(WireModel):
    """Tokens of a batch so far."""

    input_tokens: int = 0
    input_tokens_details: InputTokenDetails = Field(default_factory=InputTokenDetails)
    output_tokens: int = 0
    output_tokens_details: OutputTokenDetails = Field(default_factory=OutputTokenDetails)
    total_tokens: int = 0


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
    usage: BatchUsage = Field(default_factory=BatchUsage)
    metadata: dict[str, Any] | None = None
    coe: BatchExtra

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in {"completed", "failed", "expired", "cancelled"}


class BatchAnswer(WireModel):
    """What came of one request of a batch over HTTP."""

    status_code: int
    request_id: str | None = None
    body: Any = None
    """As the endpoint answers a single request."""


class BatchProblem(WireModel):
    """Why one request of a batch was not answered."""

    code: str | None = None
    message: str = ""


class BatchResult(WireModel):
    """What came of one request of a batch: a line of its output or of its errors."""

    id: str | None = None
    custom_id: str
    """The id you gave it."""
    response: BatchAnswer | None = None
    error: BatchProblem | None = None

    @property
    def ok(self) -> bool:
        """Whether it was answered."""
        return self.error is None and self.response is not None and self.response.status_code < 400


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
