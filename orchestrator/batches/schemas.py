"""Batches as OpenAI's API shows them.

Wire: https://platform.openai.com/docs/api-reference/batch/object.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from experts.pricing import usd_of
from orchestrator.batches.results import error_file, output_file
from orchestrator.jobs.record import ENDED, Row

BATCH_ID = re.compile(r"batch_[0-9a-f]{32}")
_WINDOW = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_WINDOW = 30 * 86_400
Status = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
_STATUS: dict[str, Status] = {
    "queued": "validating",
    "running": "in_progress",
    "finished": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}


def seconds_of(window: str) -> int:
    """Return a completion window in seconds.

    Raises:
        ValueError: If it is none, or longer than 30 days.
    """
    found = _WINDOW.fullmatch(window)
    seconds = 0 if found is None else int(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST_WINDOW:
        raise ValueError("must be a number of minutes, hours or days, such as 24h; at most 30d")
    return seconds


def _window(value: str) -> str:
    seconds_of(value)
    return value


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a character that cannot be stored")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Metadata = Annotated[
    dict[
        Annotated[Text, Field(min_length=1, max_length=64)],
        Annotated[Text, Field(max_length=512)],
    ],
    Field(max_length=16),
]


class BatchOptions(BaseModel):
    """What this service adds to a batch."""

    model_config = ConfigDict(extra="forbid")

    priority: int = Field(
        default=0, ge=-100, le=100, description="Among the tenant's jobs; higher goes first."
    )
    webhook: Text | None = Field(
        default=None, max_length=64, description="Id of a webhook that is told of the end."
    )


class Source(BaseModel):
    """What is to be answered."""

    input_file_id: Text = Field(max_length=64)
    endpoint: Literal["/v1/chat/completions", "/v1/embeddings"]


class BatchWanted(Source):
    """A batch to be made."""

    completion_window: Annotated[str, AfterValidator(_window)] = Field(
        default="24h",
        max_length=8,
        description="Minutes, hours or days until it ends, done or not: 24h.",
    )
    metadata: Metadata | None = None
    coe: BatchOptions = BatchOptions()


class RequestCounts(BaseModel):
    """How many requests there are, were answered, and were not."""

    total: int
    completed: int
    failed: int


class BatchError(BaseModel):
    """What is wrong with a line of the input."""

    code: str
    line: int | None
    message: str
    param: str | None


class BatchErrors(BaseModel):
    """What is wrong with the input."""

    object: Literal["list"] = "list"
    data: list[BatchError]


class TokenDetails(BaseModel):
    """Not counted apart in batches."""

    cached_tokens: int = 0


class ReasoningDetails(BaseModel):
    """Not counted apart in batches."""

    reasoning_tokens: int = 0


class BatchUsage(BaseModel):
    """Tokens so far."""

    input_tokens: int
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens: int
    output_tokens_details: ReasoningDetails = ReasoningDetails()
    total_tokens: int


class BatchExtra(BaseModel):
    """What this service adds."""

    cost_usd: float
    priority: int
    waits_for: str | None = Field(description="What keeps it from going on, such as a budget.")
    unbegun: int = Field(description="Requests that were never begun, since it was stopped before.")


class BatchView(BaseModel):
    """One batch."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int | None
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsage
    metadata: dict[str, Any] | None
    coe: BatchExtra

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return a job's row as a batch."""
        payload, state, ended = row["payload"], row["state"], _unix(row["finished_at"])
        over = state in ENDED
        cancelled = row["ending"] == "cancelled"
        return cls(
            id=row["id"],
            endpoint=payload["endpoint"],
            errors=_errors(row),
            input_file_id=payload["input_file_id"],
            completion_window=payload["completion_window"],
            status=_status(row),
            output_file_id=output_file(row["id"]) if over and row["output_bytes"] else None,
            error_file_id=error_file(row["id"]) if over and row["error_bytes"] else None,
            created_at=_unix(row["created_at"]) or 0,
            in_progress_at=_unix(row["started_at"]),
            expires_at=_unix(row["deadline"]),
            finalizing_at=None if cancelled or not over else ended,
            completed_at=ended if state == "finished" else None,
            failed_at=ended if state == "failed" else None,
            expired_at=ended if state == "expired" else None,
            cancelling_at=_unix(row["cancelling_at"]) if cancelled else None,
            cancelled_at=ended if state == "cancelled" else None,
            request_counts=RequestCounts(
                total=row["total"], completed=row["completed"], failed=row["failed"]
            ),
            usage=BatchUsage(
                input_tokens=row["prompt_tokens"],
                output_tokens=row["completion_tokens"],
                total_tokens=row["prompt_tokens"] + row["completion_tokens"],
            ),
            metadata=row["metadata"] or None,
            coe=BatchExtra(
                cost_usd=usd_of(row["cost_nanos"]),
                priority=row["priority"],
                waits_for=row["waits_for"],
                unbegun=row["dropped"],
            ),
        )


class BatchList(BaseModel):
    """One page of batches."""

    object: Literal["list"] = "list"
    data: list[BatchView]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ExpertShare(BaseModel):
    """What one expert is expected to answer."""

    expert: str
    requests: int
    usual_usd: float


class Estimate(BaseModel):
    """What a batch is expected to cost, from some of its requests."""

    requests: int
    looked_at: int = Field(description="Requests that this was made of; the others are like them.")
    usual_usd: float = Field(description="With answers of the usual length.")
    most_usd: float = Field(description="With the longest answers that the requests allow.")
    experts: list[ExpertShare]
    problems: list[BatchError] = Field(description="What was found wrong with the first of them.")


def _status(row: Row) -> Status:
    if row["state"] == "cancelling":
        return "cancelling" if row["ending"] == "cancelled" else "finalizing"
    return _STATUS[row["state"]]


def _errors(row: Row) -> BatchErrors | None:
    if row["problems"]:
        return BatchErrors(data=[BatchError(**problem) for problem in row["problems"]])
    if row["error_code"] is None:
        return None
    told = {"code": row["error_code"], "message": row["error_message"], "line": None, "param": None}
    return BatchErrors(data=[BatchError(**told)])


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
