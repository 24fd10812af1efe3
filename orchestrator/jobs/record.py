"""What jobs and their items are, as plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from orchestrator.usage.record import UsageRecord

JobState = Literal["queued", "running", "cancelling", "finished", "failed", "cancelled", "expired"]
ItemState = Literal["ok", "failed"]
Row = dict[str, Any]

ENDED: frozenset[str] = frozenset({"finished", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class Item:
    """One item that a worker has taken.

    Args:
        job_id: Its job.
        number: Of it in the job, from 1.
        custom_id: What the caller calls it.
        group: The expert it was routed to.
        body: What is to be done.
        plan: What was decided when it was put in.
        calls: What attempts before have cost, as usage records list calls.
        attempts: How often it has been taken, this time included.
        worker: Who has taken it.
        epoch: Under which it was taken; a result counts only if it is still that.
        request_id: Of its usage record, see :func:`request_id_of`.
    """

    job_id: str
    number: int
    custom_id: str
    group: str
    body: str
    plan: Row
    calls: Sequence[Row]
    attempts: int
    worker: str
    epoch: int
    request_id: str


def request_id_of(job_id: str, number: int, started_at: datetime) -> str:
    """Return the id of an item's usage record: made from the item, so that a repetition is the same.

    Args:
        job_id: Its job.
        number: Its number there.
        started_at: When it was first taken; the day that its usage counts for.
    """
    moment = int(started_at.timestamp() * 1000)
    told = hashlib.sha256(f"{job_id}/{number}".encode()).hexdigest()
    return f"req_{moment:012x}7{told[:3]}8{told[3:18]}"  # a UUID of version 7


@dataclass(frozen=True, slots=True)
class Result:
    """The one result of an item.

    Args:
        item: Whose.
        state: How it ended.
        line: What the caller reads, one line of JSON.
        record: Its usage; ``None`` where it was stopped before anything was spent.
        error_code: Why it failed.
        error_message: The same for a person.
        strain: Seconds that an expert asked to be left alone, 0 if it only said that it had too much to
            do; ``None``: none did.
    """

    item: Item
    state: ItemState
    line: str
    record: UsageRecord | None = None
    error_code: str | None = None
    error_message: str | None = None
    strain: float | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """An item that is to be tried again.

    Args:
        item: Which.
        seconds: From now.
        calls: All that was paid for so far.
        error_code: What went wrong this time; ``None``: it was not tried.
        error_message: The same for a person.
        strain: As a result's.
    """

    item: Item
    seconds: float
    calls: Sequence[Row] = field(default_factory=tuple)
    error_code: str | None = None
    error_message: str | None = None
    strain: float | None = None


Outcome = Result | Again
