"""What a request asks the overview for: its query, read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.kit.errors import ApiError
from orchestrator.overview.schemas import Health
from orchestrator.overview.service import Question
from orchestrator.usage.period import PeriodInvalid, period_of
from orchestrator.usage.sums.ranges import BUCKETS

USUAL = timedelta(hours=24)
Value = Annotated[str | None, Field(max_length=300, pattern=r"^[^\x00]*$")]
Sort = Literal[
    "name",
    "-name",
    "requests",
    "-requests",
    "cost",
    "-cost",
    "errors",
    "-errors",
    "latency",
    "-latency",
]


class OverviewQuery(BaseModel):
    """Which range, of which requests."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = Field(
        default=None,
        max_length=40,
        description="A day (its midnight in UTC) or a moment with its time zone; by default a day"
        " before `until`.",
    )
    until: str | None = Field(
        default=None, max_length=40, description="Likewise, no longer part of it; now unless given."
    )
    bucket: Literal["auto", "minute", "5m", "15m", "hour", "6h", "day", "week"] = Field(
        default="auto",
        description="Of the series; three days later hours are the shortest there are, 100 days"
        " later days.",
    )
    tenant: Value = None
    expert: Value = None
    category: Value = Field(default=None, description="Empty: requests that named their expert.")


class ExpertsQuery(BaseModel):
    """Which experts, in which order."""

    model_config = ConfigDict(extra="forbid")

    q: Value = Field(default=None, description="Part of an id, name, model or tag.")
    health: Health | None = None
    provider: Value = None
    tag: Value = None
    sort: Sort = Field(
        default="name", description="By what they did in the last day; `-`: most first."
    )
    limit: int = Field(default=50, ge=1, le=500, description="Most entries in one page.")
    after: str | None = Field(
        default=None, max_length=200, description="The `next` of the page before."
    )


def question_of(query: OverviewQuery, now: datetime) -> Question:
    """Return what a request asks for.

    Raises:
        ApiError: 400, naming what is wrong.
    """
    until = query.until
    since = query.since
    try:
        if since is None:
            end = period_of(None, until, now).end
            since = (end - USUAL).astimezone(UTC).isoformat()
        period = period_of(since, until, now)
    except PeriodInvalid as error:
        name = {"start": "since", "end": "until"}[error.field]
        refuse(name, str(error).replace(f"{error.field}:", f"{name}:", 1))
    only = {
        name: value
        for name in ("tenant", "expert", "category")
        if (value := getattr(query, name)) is not None
    }
    bucket = None if query.bucket == "auto" else BUCKETS[query.bucket]
    return Question(period.start, period.end, bucket, only)


def refuse(param: str, message: str) -> NoReturn:
    """Refuse a request, naming the field that is wrong.

    Raises:
        ApiError: 400.
    """
    raise ApiError(400, "invalid_request", message, param=param)
