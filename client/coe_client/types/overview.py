"""What the service did over a range of time, and its experts as they are now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from pydantic import Field

from coe_client.types.base import WireModel
from coe_client.types.paging import Page
from coe_client.types.routers import FeedbackRecord
from coe_client.types.service import UsageDetail, UsageRecord


class Percentiles(WireModel):
    """How long something took, in milliseconds; wrong by at most a tenth."""

    count: int = 0
    """How many times these are percentiles of."""
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


class Figures(WireModel):
    """What some requests came to. Requests count for who answered them, money for whom it went to."""

    requests: int = 0
    ok: int = 0
    failed: int = 0
    blocked: int = 0
    """By a guardrail."""
    cancelled: int = 0
    interrupted: int = 0
    error_share: float | None = None
    """Failed or interrupted, 0 to 1."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float = 0.0
    baseline_usd: float | None = None
    """What the same tokens would have cost at the best single expert."""
    saved_usd: float | None = None
    """The baseline less the cost, of the requests that the router decided; may be negative."""
    saved_share: float | None = None
    """Saved, of the baseline."""
    cache_hits: int = 0
    cache_misses: int = 0
    cache_hit_share: float | None = None
    cache_saved_usd: float = 0.0
    cache_saved_tokens: int = 0
    latency_ms: Percentiles = Field(default_factory=Percentiles)
    first_token_ms: Percentiles = Field(default_factory=Percentiles)


class FiguresBucket(Figures):
    """Figures of one stretch of time."""

    at: datetime
    """When it begins."""


class FiguresGroup(Figures):
    """Figures of one expert, category or tenant."""

    id: str = ""
    """Empty: of requests that have none."""
    name: str = ""
    requests_share: float | None = None
    """Of all requests, 0 to 1."""
    cost_share: float | None = None
    """Of all money, 0 to 1."""


class Breakdown(WireModel):
    """Figures by expert, category or tenant."""

    data: list[FiguresGroup] = Field(default_factory=list)
    """Those with most requests, at most 20."""
    others: Figures | None = None
    """All others together."""
    others_count: int = 0


class BestSingle(WireModel):
    """The expert that would have answered everything if only one could."""

    expert: str
    name: str = ""
    quality: float = 0.0
    """Expected by the active router, 0 to 1."""
    priced: bool = False
    """Whether its entry has a price."""
    method: str = ""
    """How it is chosen and the saving reckoned."""


class FiguresChange(WireModel):
    """How figures differ from those before: as a fraction, of shares the difference."""

    requests: float | None = None
    tokens: float | None = None
    cost_usd: float | None = None
    saved_usd: float | None = None
    error_share: float | None = None
    cache_hit_share: float | None = None
    latency_p50_ms: float | None = None
    first_token_p50_ms: float | None = None


class AttentionLink(WireModel):
    """Where something is seen and mended."""

    page: str = ""
    id: str | None = None


class Attention(WireModel):
    """Something that somebody should look at."""

    severity: str
    """``error``, ``warning`` or ``info``."""
    kind: str = ""
    text: str = ""
    link: AttentionLink = Field(default_factory=AttentionLink)


class Overview(WireModel):
    """What a range of time came to, and what needs attention now."""

    object: str = "overview"
    since: datetime
    until: datetime
    bucket_seconds: int = 0
    previous_since: datetime | None = None
    previous_until: datetime | None = None
    totals: Figures
    previous: Figures = Field(default_factory=Figures)
    """Of as long a range before."""
    change: FiguresChange = Field(default_factory=FiguresChange)
    best_single: BestSingle | None = None
    series: list[FiguresBucket] = Field(default_factory=list)
    """Every bucket of the range, empty ones too."""
    by_expert: Breakdown = Field(default_factory=Breakdown)
    by_category: Breakdown = Field(default_factory=Breakdown)
    by_tenant: Breakdown = Field(default_factory=Breakdown)
    attention: list[Attention] = Field(default_factory=list)
    """The worst first."""


class ExpertWindow(WireModel):
    """What an expert did in the last hour or day."""

    requests: int = 0
    requests_share: float | None = None
    """Of all requests, 0 to 1."""
    calls: int = 0
    """Retries, fallbacks and steps of strategies included."""
    failed_calls: int = 0
    error_share: float | None = None
    """Of calls that failed, 0 to 1."""
    cost_usd: float = 0.0
    latency_ms: Percentiles = Field(default_factory=Percentiles)
    first_token_ms: Percentiles = Field(default_factory=Percentiles)
    tokens_per_second: float | None = None


class EndpointState(WireModel):
    """An endpoint as the replica that answers knows it."""

    endpoint: str
    breaker: str = ""
    """``closed``, ``open`` or ``half_open``."""
    reason: str | None = None
    until: datetime | None = None
    """When it is tried again."""
    outstanding: int = 0
    """Calls under way from that replica."""


class LastError(WireModel):
    """The last request that failed at an expert, within a week."""

    code: str
    at: datetime | None = None
    request_id: str = ""


class ExpertFigures(WireModel):
    """An expert as it is now, and what it did lately."""

    id: str
    name: str = ""
    provider: str = ""
    model: str = ""
    tags: list[str] = Field(default_factory=list)
    enabled: bool = True
    version: int = 0
    health: str = ""
    """``ok``, ``degraded``, ``down``, ``disabled`` or ``unused``."""
    problem: str | None = None
    """What is wrong, for people."""
    priced: bool = False
    endpoints: list[EndpointState] = Field(default_factory=list)
    residency: str | None = None
    """``loaded``, ``loading`` or ``absent``; ``None``: it has no local model."""
    last_error: LastError | None = None
    hour: ExpertWindow = Field(default_factory=ExpertWindow)
    day: ExpertWindow = Field(default_factory=ExpertWindow)


class ExpertFiguresPage(Page[ExpertFigures]):
    """One page of experts."""

    object: str = "list"
    total: int = 0
    """How many there are, on all pages."""


class UsagePage(Page[UsageRecord]):
    """One page of requests."""

    object: str = "list"
    total: int = 0
    """How many there are, on all pages."""
    total_exact: bool = True
    """False: more than 10,000, and estimated."""


class RequestEvent(WireModel):
    """Something that happened to a request."""

    what: str
    """``guardrail``, ``decided``, ``cache``, ``attempt``, ``step``, ``first_token`` or ``end``."""
    at_ms: float = 0.0
    """Since the request came in."""
    duration_ms: float = 0.0
    label: str = ""
    """For people."""
    outcome: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict)


class RequestStep(WireModel):
    """One step of a strategy: who did what, when, at what cost. What was said is no part of it."""

    number: int = 0
    """In the order in which steps began, from 1."""
    parent: int | None = None
    """The step that it is a part of; ``None`` on the first level."""
    kind: str = ""
    """What it is for, such as ``expert``, ``verify`` or ``vote``."""
    title: str = ""
    """For people. Empty where a model made it up, and answers are not kept."""
    status: str = ""
    """``ok``, ``failed``, or ``cancelled``: it was given up."""
    error: str | None = None
    """Code of what made it fail, where that is known."""
    expert: str | None = None
    """``None`` for code and votes."""
    expert_version: int | None = None
    at_ms: float = 0.0
    """When it began, since the request came in."""
    duration_ms: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_estimated: bool = False
    cost_usd: float = 0.0
    reused_from: int | None = None
    """The identical step whose result it took over, for nothing."""


class RequestMoney(WireModel):
    """What a request cost by part, in US dollars."""

    input_usd: float = 0.0
    cached_input_usd: float = 0.0
    cache_write_usd: float = 0.0
    output_usd: float = 0.0
    reasoning_usd: float = 0.0
    total_usd: float = 0.0
    """As it was booked."""
    exact: bool = False
    """Whether the parts make the total."""


class RequestDetail(UsageDetail):
    """One request with what happened when, what it cost by part, and what was thought of it."""

    timeline: list[RequestEvent] = Field(default_factory=list)
    steps: list[RequestStep] = Field(default_factory=list)
    """What the strategy did that answered it, at most 100; empty where none did."""
    steps_left_out: int = 0
    """Steps beyond these."""
    money: RequestMoney = Field(default_factory=RequestMoney)
    feedback: list[FeedbackRecord] = Field(default_factory=list)


class OverviewFilter(TypedDict, total=False):
    """Which requests an overview is made of."""

    tenant: str | None
    expert: str | None
    category: str | None
    """Empty: those that named their expert."""


class UsageSearch(TypedDict, total=False):
    """Which requests are searched for. An empty text finds those that have none."""

    tenant: str | None
    key: str | None
    """Id of a key."""
    expert: str | None
    category: str | None
    policy: str | None
    status: str | None
    model: str | None
    """What was asked for."""
    api: str | None
    """The protocol."""
    session: str | None
    """What the caller calls the conversation."""
    cache: str | None
    """``hit``, ``shared``, ``similar`` or ``miss``; ``any``: the answer was found there."""
    id: str | None
    """What the request's id begins with."""
    min_cost_usd: float | None
    max_cost_usd: float | None
    min_duration_ms: float | None
    sort: str | None
    """``-time`` (the usual), ``-cost`` or ``-duration``; without ``-`` the other way."""


class ExpertSearch(TypedDict, total=False):
    """Which experts are listed."""

    q: str | None
    """Part of an id, name, model or tag."""
    health: str | None
    provider: str | None
    tag: str | None
    sort: str | None
    """``name``, or ``requests``, ``cost``, ``errors``, ``latency`` of the last day; ``-``: most first."""
