"""Router versions, feedback, and the scores that come of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from coe_client.types.base import WireModel


class RouterVersion(WireModel):
    """A router version and what it does."""

    id: str
    version: str = ""
    """Name that decisions and usage records carry."""
    status: str = ""
    """``candidate``, ``shadow``, ``canary``, ``active`` or ``retired``."""
    share: float | None = None
    """Part of the requests that a shadow is asked about or a canary decides."""
    built_in: bool = False
    content_hash: str | None = None
    size: int | None = None
    embedder: str | None = None
    experts: list[str] = Field(default_factory=list)
    policies: list[str] = Field(default_factory=list)
    note: str = ""
    created_at: datetime | None = None
    created_by: str | None = None
    status_changed_at: datetime | None = None
    status_changed_by: str | None = None


class BudgetLimit(WireModel):
    """A limit of a budget that cannot be kept."""

    constraint: str
    """Such as ``money_usd`` or ``active_parameters``."""
    asked: float = 0.0
    """What the budget says."""
    nearest: float = 0.0
    """The smallest value that can be kept; it is used instead."""


class InfeasibleBudget(WireModel):
    """A policy's budget that the present experts cannot keep."""

    message: str = ""
    limits: list[BudgetLimit] = Field(default_factory=list)


class RouterVersionDetail(RouterVersion):
    """A router version with all that is stored beside its bytes."""

    categories: list[dict[str, Any]] = Field(default_factory=list)
    scores: dict[str, Any] = Field(default_factory=dict)
    missing_experts: list[str] = Field(default_factory=list)
    """Experts that are not enabled; until they are, it cannot be promoted."""
    infeasible: dict[str, InfeasibleBudget] | None = None
    """By policy, budgets that cannot be kept; ``None`` where it decides nothing now."""


class RouterMove(WireModel):
    """Requests that a shadow would have sent elsewhere."""

    live_expert: str
    expert: str
    n: int = 0


class RouterComparison(WireModel):
    """A shadow's decisions beside those that were made."""

    n: int
    same_category: int = 0
    same_expert: int = 0
    live_cost_usd: float | None = None
    cost_usd: float | None = None
    moves: list[RouterMove] = Field(default_factory=list)


class Feedback(WireModel):
    """What was stored of an opinion on an answer."""

    id: str
    request_id: str = ""
    rating: float | None = None
    """-1 (bad) to 1 (good)."""
    corrected_category: str | None = None
    prefers_other: bool = False
    """Whether another answer was said to be better."""
    answer_stored: bool = False
    """Whether the text of that answer was stored."""
    preferred_request: str | None = None
    """The request whose answer was said to be better."""
    created_at: datetime | None = None


class FeedbackRecord(Feedback):
    """The same, as operators see it."""

    tenant: str | None = None
    key_id: str | None = None
    preferred_answer: str | None = None


class Score(WireModel):
    """How good an expert is in a category, according to one source."""

    category: str
    expert: str
    n: int = 0
    """Requests that were judged."""
    mean: float = 0.0
    """0 (bad) to 1 (good)."""
    se: float = 0.0
    """Standard error of the mean."""
    source: str = ""
    updated_at: datetime | None = None


class Scores(WireModel):
    """Candidate scores, by category and expert."""

    data: list[Score]


class ContentChoice(WireModel):
    """What is stored of what a tenant's callers and experts say."""

    store: bool
    """Whether anything is."""
    level: str = ""
    """``off``, ``prompts`` or ``all``."""
    retention_days: int | None = None
    """``None``: until the tenant opts out."""
    patterns: list[str] = Field(default_factory=list)
    """What is blotted out beside what always is."""
