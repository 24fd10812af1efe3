"""What the endpoints of router versions take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.routers.comparison import Comparison
from orchestrator.routers.repository import Status, StoredVersion
from router import CandidatePool, InfeasibleBudget


class RouterVersionView(BaseModel):
    """A router version and what it does."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="`rv_...`, or `starter` for the built-in one.")
    version: str = Field(description="Name that decisions and usage records carry.")
    status: Status
    share: float | None = Field(
        description="Part of the requests that a shadow is asked about or a canary decides."
    )
    built_in: bool = False
    content_hash: str | None = Field(description="SHA-256 of the artefact. Null: built in.")
    size: int | None = Field(description="Bytes of the artefact.")
    embedder: str | None
    experts: list[str] = Field(description="Experts it was learned for.")
    policies: list[str]
    note: str
    created_at: datetime | None
    created_by: str | None
    status_changed_at: datetime | None
    status_changed_by: str | None

    @classmethod
    def of(cls, stored: StoredVersion) -> Self:
        """Return the view of a stored version."""
        return cls.model_validate(stored)


class RouterVersionDetail(RouterVersionView):
    """A router version with all that was stored beside its bytes."""

    categories: list[dict[str, Any]] = Field(description="Its categories, without the examples.")
    scores: dict[str, Any] = Field(description="Expected quality, as its artefact tells it.")
    missing_experts: list[str] = Field(
        description="Experts that are not enabled; until they are, it cannot be promoted."
    )
    infeasible: dict[str, InfeasibleView] | None = Field(
        description="By policy, the budgets that the present experts cannot keep. "
        "Null where it decides nothing now."
    )


class LimitView(BaseModel):
    """A limit of a budget that cannot be kept."""

    constraint: str = Field(description="Such as `money_usd` or `active_parameters`.")
    asked: float = Field(description="What the budget says.")
    nearest: float = Field(description="The smallest value that can be kept; it is used instead.")


class InfeasibleView(BaseModel):
    """A policy's budget that the present experts cannot keep."""

    message: str
    limits: list[LimitView] = Field(description="To be raised, all of them together.")


def limit_views(error: InfeasibleBudget) -> list[LimitView]:
    """Return the limits that cannot be kept."""
    return [
        # A solver's 6.999999999999999 is a person's 7.
        LimitView(constraint=one.constraint, asked=one.asked, nearest=float(f"{one.nearest:.9g}"))
        for one in error.violations
    ]


def infeasible_views(pool: CandidatePool) -> dict[str, InfeasibleView]:
    """Return, by policy, the budgets that a router's candidates cannot keep."""
    return {
        policy: InfeasibleView(message=str(error), limits=limit_views(error))
        for policy, error in pool.infeasible.items()
    }


class ShareRequest(BaseModel):
    """For which part of the requests."""

    model_config = ConfigDict(extra="forbid", strict=True)

    share: float = Field(gt=0, le=1, description="Part of the requests, above 0, up to 1.")


class MoveView(BaseModel):
    """Requests that would have gone elsewhere."""

    model_config = ConfigDict(from_attributes=True)

    live_expert: str
    expert: str
    n: int


class ComparisonView(BaseModel):
    """A shadow's decisions beside those that were made."""

    model_config = ConfigDict(from_attributes=True)

    n: int = Field(description="Requests that both decided.")
    same_category: int = Field(description="How many went to the same category.")
    same_expert: int = Field(description="How many went to the same expert.")
    live_cost_usd: float | None = Field(description="Expected cost of the live decisions, mean.")
    cost_usd: float | None = Field(description="Expected cost of the shadow's decisions, mean.")
    moves: list[MoveView] = Field(description="Where requests would have gone, up to 20.")

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """Return the view of a comparison."""
        return cls.model_validate(comparison)


class LoadFailureView(BaseModel):
    """A version that should decide something but cannot be loaded by this process."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    status: str
    reason: str
    at: datetime
