"""``/admin/api/experts/{expert_id}/admissions``: by what an expert was admitted, or was not."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue.errors import ExpertUnknown
from experts.catalogue.expert import SLUG
from experts.catalogue.repository import MAX_VERSION
from orchestrator.catalogue.translation import translated
from orchestrator.evaluations import admissions
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

_ID = re.compile(r"adm_[0-9a-f]{32}")
_MOST_PROMPTS = 1_000_000

Share = Annotated[float, Field(ge=0, le=1)]
Signed = Annotated[float, Field(ge=-1_000_000, le=1)]
"""On the scale where a blind guess is 0 and all right is 1."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AdmissionRule(_Body):
    """When an expert is admitted."""

    floor: Share = Field(description="What it must beat: 0 a blind guess, 1 all right.")
    level: Share = Field(description="How often one that only reaches the floor passes.")
    power: Share = Field(description="How often one that is better by `margin` should pass.")
    margin: Share = Field(description="Share of right answers above the floor.")
    consistent: Share = Field(
        description="How often repeated answers must be the same; 0: it is not asked."
    )


class AdmissionEvidence(_Body):
    """What was seen of the expert."""

    source: str = Field(max_length=200, description="What the prompts are called.")
    prompts: int = Field(ge=1, le=_MOST_PROMPTS, description="Graded answers.")
    right: int = Field(ge=0, le=_MOST_PROMPTS)
    needed: int = Field(ge=0, le=_MOST_PROMPTS + 1, description="Right answers that it needed.")
    score: Share = Field(description="Share of right answers.")
    score_ci95: list[Share] = Field(min_length=2, max_length=2)
    above_chance: Signed = Field(description="The same where a blind guess is 0.")
    above_chance_ci95: list[Signed] = Field(min_length=2, max_length=2)
    p_value: Share = Field(description="Chance that one at the floor gets as many right.")
    power: Share = Field(description="Chance that one better by the margin passes.")
    consistency: Share | None = Field(description="Prompts that had the same answer every time.")
    reasons: list[Annotated[str, Field(max_length=500)]] = Field(max_length=20)
    cost_usd: float = Field(ge=0)

    @model_validator(mode="after")
    def _adds_up(self) -> AdmissionEvidence:
        if self.right > self.prompts:
            raise ValueError("more answers are right than there are")
        return self


class AdmissionWanted(_Body):
    """A decision to keep, as `coe evaluate admit` makes it."""

    admitted: bool
    version: int | None = Field(
        default=None, ge=1, le=MAX_VERSION, description="Of the entry asked; null: that in force."
    )
    rule: AdmissionRule
    evidence: AdmissionEvidence


class AdmissionView(BaseModel):
    """A decision on an expert."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    expert: str
    version: int
    admitted: bool
    decided_at: datetime
    decided_by: str
    rule: AdmissionRule
    evidence: AdmissionEvidence


def _engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.services.engine
    return engine


Engine = Annotated[AsyncEngine, Depends(_engine)]
ExpertPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{SLUG.pattern}$"})]

router = APIRouter(
    prefix="/admin/api/experts/{expert_id}/admissions",
    tags=["experts"],
    responses=errors(400, 401, 403, 404, 503),
)


@router.get("", dependencies=[Depends(require_role(Role.VIEWER))])
async def list_admissions(
    expert_id: ExpertPath, engine: Engine, limit: Limit = 20, after: After = None
) -> Page[AdmissionView]:
    """List what was decided on an expert by graded prompts, the latest first."""
    if after is not None and not _ID.fullmatch(after):
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    with translated():
        _check(expert_id)
        async with engine.connect() as connection:
            rows = await admissions.page(connection, expert_id, limit=limit + 1, after=after)
    return page([AdmissionView(**row) for row in rows], limit, lambda one: one.id)


@router.post("", status_code=201)
async def record_admission(
    expert_id: ExpertPath,
    body: AdmissionWanted,
    engine: Engine,
    principal: Annotated[Principal, Depends(require_role(Role.EDITOR))],
) -> AdmissionView:
    """Keep a decision on an expert. It changes nothing by itself: who is asked, the catalogue says."""
    with translated():
        _check(expert_id)
        async with engine.begin() as connection:
            by = f"{principal.name[:120]} ({principal.key_id})"
            row = await admissions.record(connection, expert_id, body.model_dump(), by=by)
    return AdmissionView(**row)


def _check(expert_id: str) -> None:
    """See that there could be such an expert.

    Raises:
        ExpertUnknown: If there could not.
    """
    if not SLUG.fullmatch(expert_id):
        raise ExpertUnknown(expert_id[:64])
