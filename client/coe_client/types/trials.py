"""Experts before they are used: one question to an entry that is not saved, and decisions by graded prompts."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from coe_client.types.base import WireModel


class TrialError(WireModel):
    """Why there is no answer, and what to do about it."""

    code: str
    message: str
    advice: str = ""


class Trial(WireModel):
    """What became of asking an entry that is not saved: an answer, or an error."""

    ok: bool
    request_id: str
    answer: str | None = None
    finish_reason: str | None = None
    duration_ms: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_estimated: bool | None = None
    cost_usd: float | None = None
    error: TrialError | None = None


class AdmissionRule(WireModel):
    """When an expert is admitted."""

    floor: float = 0.0
    level: float = 0.05
    power: float = 0.9
    margin: float = 0.1
    consistent: float = 0.0


class AdmissionEvidence(WireModel):
    """What was seen of an expert."""

    source: str
    prompts: int
    right: int
    needed: int
    score: float
    score_ci95: tuple[float, float]
    above_chance: float
    above_chance_ci95: tuple[float, float]
    p_value: float
    power: float
    consistency: float | None = None
    reasons: list[str] = Field(default_factory=list)
    cost_usd: float = 0.0


class Admission(WireModel):
    """A decision on an expert."""

    id: str
    expert: str
    version: int
    admitted: bool
    decided_at: datetime | None = None
    decided_by: str = ""
    rule: AdmissionRule
    evidence: AdmissionEvidence
