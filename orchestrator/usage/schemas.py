"""How usage is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from orchestrator.usage.record import Status

MADE = frozenset({"cost_usd", "saved_usd", "endpoint"})
"""Fields that are no columns."""


class UsageView(BaseModel):
    """One request: what it was, where it went, what it cost."""

    request_id: str
    started_at: datetime
    tenant: str
    key_id: str
    api: str
    model: str
    policy: str | None
    category: str | None
    confidence: float | None
    expert: str | None
    expert_version: int | None
    router_version: str | None
    status: Status
    error_code: str | None
    streamed: bool
    prompt_tokens: int
    cached_tokens: int = Field(description="Of the prompt: found in the vendor's cache.")
    cache_write_tokens: int = Field(description="Of the prompt: put into the vendor's cache.")
    completion_tokens: int
    reasoning_tokens: int = Field(description="Of the answer: spent on reasoning.")
    tokens_estimated: bool = Field(description="Whether any were counted by the service.")
    cost_usd: float
    duration_ms: float
    first_token_ms: float | None
    cache: str | None = Field(
        description="`hit`, `shared`, `similar` or `miss`; null where the cache had no part in it."
    )
    saved_tokens: int | None = Field(description="Not used, since the answer was kept.")
    saved_usd: float | None = Field(description="What these would have cost.")
    session: str | None = Field(description="What the caller calls its conversation.")
    endpoint: str | None = Field(description="Of the expert's that was called last.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the view of a usage row."""
        shown = {name: row[name] for name in cls.model_fields if name not in MADE}
        saved = row["saved_nanos"]
        return cls(
            **shown,
            cost_usd=row["cost_nanos"] / 1e9,
            saved_usd=None if saved is None else saved / 1e9,
            endpoint=_endpoint_of(row),
        )


def _endpoint_of(row: dict[str, Any]) -> str | None:
    """Return the endpoint that was called last, where that is on record."""
    calls = row["attempts"] or [(row["timing"] or {}).get("call") or {}]
    endpoint: str | None = calls[-1].get("endpoint")
    return endpoint


class UsageDetail(UsageView):
    """One request with the whole routing decision."""

    decision: dict[str, Any] | None = Field(description="Null where the caller named an expert.")
    attempts: list[dict[str, Any]] | None = Field(
        description="The calls of experts, where it was not just one at the usual price."
    )
    guardrails: list[dict[str, Any]] | None = Field(
        description="What guardrails did and flagged: `guardrail`, `stage`, `outcome`, `flags`."
    )
    timing: dict[str, Any] | None = Field(
        description="In milliseconds: `stages` before experts were called, and `call`, the only one."
    )


class UsagePage(BaseModel):
    """One page of requests."""

    object: Literal["list"] = "list"
    data: list[UsageView]
    has_more: bool
    next: str | None
    total: int = Field(description="How many there are, on all pages.")
    total_exact: bool = Field(description="False: more than 10,000, and estimated.")


class UsageSums(BaseModel):
    """What some requests used together."""

    requests: int
    failed: int
    blocked: int = Field(description="By a guardrail.")
    estimated: int = Field(description="Requests with tokens that the service counted.")
    prompt_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost_nanos: int = Field(description="Billionths of a US dollar: exact.")
    cost_usd: float


class UsageGroup(UsageSums):
    """What the requests of one group used."""

    group: dict[str, str | None] = Field(description="By what is grouped: its value, or null.")


class UsageReport(BaseModel):
    """What was used in a period, by group."""

    object: Literal["usage.report"] = "usage.report"
    start: datetime
    end: datetime = Field(description="The first moment that is not part of it.")
    group_by: list[str]
    data: list[UsageGroup]
    totals: UsageSums = Field(description="Of all groups, those of other pages included.")
    has_more: bool
    next: str | None


class RequestContent(BaseModel):
    """What was said in a request, redacted."""

    request_id: str
    messages: list[Any]
    answer: str | None = Field(description="Null where only prompts are stored.")
