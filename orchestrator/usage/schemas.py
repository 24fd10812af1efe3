"""How usage is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field


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
    status: Literal["ok", "failed", "cancelled", "interrupted"]
    error_code: str | None
    streamed: bool
    prompt_tokens: int
    completion_tokens: int
    tokens_estimated: bool
    cost_usd: float
    duration_ms: float
    first_token_ms: float | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the view of a usage row."""
        shown = {name: row[name] for name in cls.model_fields if name != "cost_usd"}
        return cls(**shown, cost_usd=row["cost_nanos"] / 1e9)


class UsageDetail(UsageView):
    """One request with the whole routing decision."""

    decision: dict[str, Any] | None = Field(description="Null where the caller named an expert.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the detailed view of a usage row."""
        shown = {name: row[name] for name in cls.model_fields if name != "cost_usd"}
        return cls(**shown, cost_usd=row["cost_nanos"] / 1e9)
