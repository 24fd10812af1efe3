"""``/admin/api/trials``: an entry asked before it is saved."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from experts.catalogue.entries import parse_entry
from experts.catalogue.expert import Expert
from orchestrator.catalogue.schemas import DescribedBy
from orchestrator.catalogue.translation import translated
from orchestrator.chat.trying import Outcome, Trials
from orchestrator.kit.pages import errors
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

_MOST_TEXT = 4_000
_MOST_TOKENS = 1_024
_USUAL = "In one short sentence: what is a prime number?"


class TrialWanted(BaseModel):
    """An entry as it would be saved, and what to ask it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    expert: Annotated[Any, DescribedBy(Expert)]
    message: str = Field(default=_USUAL, min_length=1, max_length=_MOST_TEXT)
    max_tokens: int = Field(
        default=256, ge=1, le=_MOST_TOKENS, description="The most tokens of the answer."
    )


class TrialError(BaseModel):
    """Why there is no answer, and what to do about it."""

    code: str
    message: str
    advice: str


class TrialView(BaseModel):
    """What became of a trial: an answer, or an error."""

    ok: bool
    request_id: str = Field(description="Of its usage record.")
    answer: str | None
    finish_reason: str | None = Field(description="`length`: it was cut off.")
    duration_ms: float
    prompt_tokens: int | None
    completion_tokens: int | None
    tokens_estimated: bool | None = Field(description="Whether we counted them ourselves.")
    cost_usd: float | None
    error: TrialError | None

    @classmethod
    def of(cls, outcome: Outcome, request_id: str) -> Self:
        """Return what is told of a trial."""
        body = outcome.body or {}
        told: dict[str, Any] = body.get("coe") or {}
        choice: dict[str, Any] = next(iter(body.get("choices") or ()), {})
        usage, error = told.get("usage") or {}, outcome.error
        return cls(
            ok=error is None,
            request_id=request_id,
            answer=(choice.get("message") or {}).get("content"),
            finish_reason=choice.get("finish_reason"),
            duration_ms=round(outcome.seconds * 1000, 1),
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            tokens_estimated=usage.get("estimated"),
            cost_usd=told.get("cost_usd"),
            error=None
            if error is None
            else TrialError(code=error.code, message=error.message, advice=outcome.advice),
        )


router = APIRouter(
    prefix="/admin/api/trials", tags=["experts"], responses=errors(400, 401, 402, 403, 429, 503)
)


@router.post("")
async def try_expert(
    body: TrialWanted,
    request: Request,
    principal: Annotated[Principal, Depends(require_role(Role.ADMIN))],
) -> TrialView:
    """Ask an expert that is not saved one question, once, and save nothing. It costs what it costs."""
    trials: Trials = request.app.state.services.trials
    with translated():
        expert = trials.checked(parse_entry(body.expert))
    outcome = await trials.ask(expert, body.message, body.max_tokens, principal, request)
    return TrialView.of(outcome, request.state.request_id)
