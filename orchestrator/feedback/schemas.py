"""What the endpoints of feedback take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestrator.feedback.service import Opinion
from orchestrator.tenants.content import ContentChoice, ContentLevel
from orchestrator.usage.content.redaction import MOST_PATTERNS, pattern_problem

MAX_ANSWER = 100_000
_SAYS = ("rating", "corrected_category", "preferred_answer", "preferred_request")
_NO_NUL = r"^[^\x00]*$"

Scale = Literal["unit", "stars"]
_BOUNDS: dict[Scale, tuple[float, float]] = {"unit": (-1.0, 1.0), "stars": (1.0, 5.0)}


def normalised(rating: float, scale: Scale) -> float:
    """Return a rating as -1 (bad) to 1 (good).

    Raises:
        ValueError: If it lies outside its scale.
    """
    low, high = _BOUNDS[scale]
    if not low <= rating <= high:
        more = '; for 1 to 5 send "scale": "stars"' if scale == "unit" else ""
        raise ValueError(f"a rating is {low:g} to {high:g}{more}")
    return rating if scale == "unit" else 2.0 * (rating - low) / (high - low) - 1.0


class FeedbackRequest(BaseModel):
    """What a caller says of an answer; at least one of the four."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
                for name in _SAYS
            ]
        },
    )

    request_id: str = Field(
        min_length=1, max_length=100, description="The `x-coe-request-id` of the answer."
    )
    rating: Annotated[float, Field(ge=-1, le=5, allow_inf_nan=False, strict=True)] | None = Field(
        default=None, description="-1 (bad) to 1 (good); with the scale `stars`, 1 to 5."
    )
    scale: Scale = Field(default="unit", description="How to read the rating.")
    corrected_category: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The category the request should have gone to."
    )
    preferred_answer: (
        Annotated[str, Field(min_length=1, max_length=MAX_ANSWER, pattern=_NO_NUL)] | None
    ) = Field(
        default=None,
        description="A better answer. Its text is stored only for tenants that opted in; "
        "otherwise only that there is one.",
    )
    preferred_request: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="Another request of the tenant, whose answer to the same was better.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.rating is not None:
            normalised(self.rating, self.scale)
        elif all(getattr(self, name) is None for name in _SAYS):
            raise ValueError(f"give one of {', '.join(_SAYS)}")
        if self.preferred_request == self.request_id:
            raise ValueError("preferred_request is the request itself")
        return self

    def opinion(self) -> Opinion:
        """Return what is said, the rating normalised."""
        return Opinion(
            request_id=self.request_id,
            rating=None if self.rating is None else normalised(self.rating, self.scale),
            corrected_category=self.corrected_category,
            preferred_answer=self.preferred_answer,
            preferred_request=self.preferred_request,
        )


class FeedbackView(BaseModel):
    """What was stored."""

    id: str
    request_id: str
    rating: float | None = Field(description="-1 (bad) to 1 (good).")
    corrected_category: str | None
    prefers_other: bool = Field(description="Whether another answer was said to be better.")
    answer_stored: bool = Field(description="Whether the text of that answer was stored.")
    preferred_request: str | None = Field(description="The request whose answer was better.")
    created_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the view of a row."""
        return cls.model_validate(_fields(row))


class FeedbackDetail(FeedbackView):
    """What was stored, for operators."""

    tenant: str
    key_id: str
    preferred_answer: str | None


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "answer_stored": row["preferred_answer"] is not None}


class ScoreView(BaseModel):
    """How good an expert is in a category, according to feedback."""

    model_config = ConfigDict(from_attributes=True)

    category: str
    expert: str
    n: int = Field(description="Requests that were judged.")
    mean: float = Field(description="0 (bad) to 1 (good).")
    se: float = Field(description="Standard error of the mean.")
    source: str
    updated_at: datetime


class Scores(BaseModel):
    """Candidate scores, by category and expert."""

    data: list[ScoreView]


class ContentView(BaseModel):
    """What is stored of what a tenant's callers and experts say."""

    store: bool = Field(description="Whether anything is.")
    level: ContentLevel = Field(description="`prompts`, or `all`: answers too.")
    retention_days: int | None = Field(description="Null: until the tenant opts out.")
    patterns: list[str] = Field(description="What is blotted out beside what always is.")

    @classmethod
    def of(cls, choice: ContentChoice) -> ContentView:
        """Return the view of a choice."""
        return cls(
            store=choice.stores,
            level=choice.level,
            retention_days=choice.days,
            patterns=list(choice.patterns),
        )


class ContentRequest(BaseModel):
    """What is to be stored from now on. Either `store` or `level` is given."""

    model_config = ConfigDict(extra="forbid", strict=True)

    store: bool | None = Field(default=None, description="True is short for `prompts`.")
    level: ContentLevel | None = None
    retention_days: int | None = Field(default=None, ge=1, le=3650)
    patterns: list[str] = Field(
        default=[],
        max_length=MOST_PATTERNS,
        description="Regular expressions of what is blotted out beside what always is.",
    )

    @field_validator("patterns")
    @classmethod
    def _usable(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if problem := pattern_problem(pattern):
                raise ValueError(f"{pattern!r} {problem}")
        return patterns

    @model_validator(mode="after")
    def _one_choice(self) -> ContentRequest:
        if (self.store is None) == (self.level is None):
            raise ValueError("give either 'level' or 'store'")
        return self

    def choice(self) -> ContentChoice:
        """Return the choice."""
        level = self.level or ("prompts" if self.store else "off")
        return ContentChoice(level, self.retention_days, tuple(self.patterns))
