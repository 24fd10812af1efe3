"""What the overview's endpoints give."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Severity = Literal["error", "warning", "info"]
Kind = Literal[
    "breaker_open",
    "expert_errors",
    "budget_nearly_used",
    "budget_infeasible",
    "key_expired",
    "key_expires",
    "job_failed",
    "usage_backlog",
    "price_missing",
]
LinkPage = Literal["experts", "tenants", "router", "jobs", "system"]


class Percentiles(BaseModel):
    """How long something took, in milliseconds; wrong by at most a tenth."""

    count: int = Field(description="How many times these are percentiles of.")
    p50: float | None
    p90: float | None
    p99: float | None


class Figures(BaseModel):
    """What some requests came to.

    Where experts are told apart, requests count for who answered them at last, tokens and money for
    whom they went to.
    """

    requests: int
    ok: int
    failed: int
    blocked: int = Field(description="By a guardrail.")
    cancelled: int
    interrupted: int = Field(description="The service was killed meanwhile.")
    error_share: float | None = Field(description="Failed or interrupted, 0 to 1.")
    prompt_tokens: int
    cached_tokens: int = Field(description="Of the prompt: found in the vendor's cache.")
    completion_tokens: int
    reasoning_tokens: int
    cost_usd: float
    baseline_usd: float | None = Field(
        description="What the same tokens would have cost at the best single expert; null without one."
    )
    saved_usd: float | None = Field(
        description="The baseline less the cost, of the requests that the router decided; may be negative."
    )
    saved_share: float | None = Field(description="Saved, of the baseline.")
    cache_hits: int = Field(description="Answered from this service's cache.")
    cache_misses: int
    cache_hit_share: float | None
    cache_saved_usd: float
    cache_saved_tokens: int
    latency_ms: Percentiles = Field(description="Of answered requests, to the end of the answer.")
    first_token_ms: Percentiles


class Bucket(Figures):
    """Figures of one stretch of time."""

    at: datetime = Field(description="When it begins.")


class Group(Figures):
    """Figures of one expert, category or tenant."""

    id: str = Field(description="Empty: of requests that have none.")
    name: str
    requests_share: float | None = Field(description="Of all requests, 0 to 1.")
    cost_share: float | None = Field(description="Of all money, 0 to 1.")


class Breakdown(BaseModel):
    """Figures by expert, category or tenant."""

    data: list[Group] = Field(description="Those with most requests, at most 20.")
    others: Figures | None = Field(description="All others together; null where there are none.")
    others_count: int


class BestSingle(BaseModel):
    """The expert that would have answered everything if only one could."""

    expert: str
    name: str
    quality: float = Field(description="Expected by the active router, 0 to 1.")
    priced: bool = Field(description="Whether its entry has a price.")
    method: str = Field(description="How it is chosen and the saving reckoned, for people.")


class Change(BaseModel):
    """How figures differ from those of the range before.

    Amounts and times: as a fraction of what they were, null where that was nothing. Shares: the
    difference.
    """

    requests: float | None
    tokens: float | None
    cost_usd: float | None
    saved_usd: float | None
    error_share: float | None
    cache_hit_share: float | None
    latency_p50_ms: float | None
    first_token_p50_ms: float | None


class Link(BaseModel):
    """Where something is seen and mended."""

    page: LinkPage
    id: str | None


class Attention(BaseModel):
    """Something that somebody should look at."""

    severity: Severity
    kind: Kind
    text: str
    link: Link


class Overview(BaseModel):
    """What a range of time came to, and what needs attention now."""

    object: Literal["overview"] = "overview"
    since: datetime = Field(description="Rounded down to what is still told apart.")
    until: datetime
    bucket_seconds: int
    previous_since: datetime
    previous_until: datetime
    totals: Figures
    previous: Figures = Field(description="Of as long a range before.")
    change: Change
    best_single: BestSingle | None = Field(description="Null where the router knows no expert.")
    series: list[Bucket] = Field(description="Every bucket of the range, empty ones too.")
    by_expert: Breakdown
    by_category: Breakdown
    by_tenant: Breakdown
    attention: list[Attention] = Field(description="The worst first.")


class Window(BaseModel):
    """What an expert did in the last hour or day."""

    requests: int = Field(description="That it answered at last.")
    requests_share: float | None = Field(description="Of all requests, 0 to 1.")
    calls: int = Field(description="Retries, fallbacks and steps of strategies included.")
    failed_calls: int
    error_share: float | None = Field(description="Of calls that failed, 0 to 1.")
    cost_usd: float
    latency_ms: Percentiles
    first_token_ms: Percentiles
    tokens_per_second: float | None = Field(description="While it streams.")


class EndpointState(BaseModel):
    """An endpoint as the replica that answers knows it."""

    endpoint: str
    breaker: Literal["closed", "open", "half_open"]
    reason: str | None
    until: datetime | None = Field(description="When it is tried again.")
    outstanding: int = Field(description="Calls under way from this process.")


class LastError(BaseModel):
    """The last request that failed at an expert, within a week."""

    code: str
    at: datetime
    request_id: str


Health = Literal["ok", "degraded", "down", "disabled", "unused"]
InMemory = Literal["loaded", "loading", "absent"]


class ExpertFigures(BaseModel):
    """An expert as it is now, and what it did lately."""

    id: str
    name: str
    provider: str
    model: str
    tags: list[str]
    enabled: bool
    version: int
    health: Health = Field(
        description="`down`: no endpoint takes calls; `degraded`: some do not, or calls fail;"
        " `unused`: nobody has called it for a day."
    )
    problem: str | None = Field(description="What is wrong, for people.")
    priced: bool
    endpoints: list[EndpointState]
    residency: InMemory | None = Field(
        description="Whether its local model is in memory; null where it has none."
    )
    last_error: LastError | None
    hour: Window
    day: Window


class ExpertPage(BaseModel):
    """One page of experts."""

    object: Literal["list"] = "list"
    data: list[ExpertFigures]
    has_more: bool
    next: str | None
    total: int = Field(description="How many there are, on all pages.")
