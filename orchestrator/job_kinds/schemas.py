"""What an operator says to start a job of each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.usage.questions import ExportQuery

_LONGEST_WAIT = 30 * 86_400.0


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    priority: int = Field(default=0, ge=-100, le=100, description="Higher goes first.")
    deadline_seconds: float | None = Field(
        default=None, gt=0, le=_LONGEST_WAIT, description="Until it is given up; null: never."
    )
    webhook: str | None = Field(
        default=None, max_length=64, description="Is told when the job has ended."
    )
    metadata: dict[str, str] = Field(default_factory=dict, max_length=16)


class ExportWanted(_Wanted):
    """Usage records as a file."""

    kind: Literal["export"]
    usage: ExportQuery = Field(default=ExportQuery(), description="Which records, and how.")


FileId = Annotated[str, Field(max_length=64, pattern=r"^file-[0-9a-f]+$")]


class Learning(BaseModel):
    """How a router is learned; as the options of `coe router train`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(
        default="learned",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$",
        description="First part of the router's version.",
    )
    embedder: str = Field(default="static", max_length=300)
    discover: bool = Field(default=False, description="Find categories in prompts without labels.")
    categories: int | None = Field(
        default=None, ge=2, le=1000, description="So many to be found; null: as there seem to be."
    )
    grow: bool = Field(default=True, description="Let prompts without a label join a category.")
    contrastive: bool = False
    stored: int = Field(default=20, ge=0, le=1000, description="Prompts a category kept.")
    proof: float = Field(default=1.0, ge=0, le=1)
    folds: int | None = Field(default=None, ge=0, le=50, description="Null: as many as is usual.")
    seed: int = Field(default=0, ge=0, le=2**31)


class TrainingWanted(_Wanted):
    """A router learned from data, stored as a version that does not decide yet."""

    kind: Literal["training"]
    input_file_id: FileId | None = Field(
        default=None, description="Prompts with labels and scores, as `coe router train` takes."
    )
    feedback_days: int | None = Field(
        default=None, ge=1, le=3650, description="Learn from feedback on requests of so many days."
    )
    learning: Learning = Field(default=Learning(), description="How.")
    note: str = Field(default="", max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")
    shadow_share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Let it decide beside the active router for this share of requests; null: no.",
    )


ExpertId = Annotated[str, Field(max_length=128)]


class EvaluationWanted(_Wanted):
    """Prompts put to experts, their answers graded and judged; as `coe evaluate run`."""

    kind: Literal["evaluation"]
    input_file_id: FileId = Field(description="Prompts with targets, as `coe evaluate run` takes.")
    experts: list[ExpertId] | None = Field(
        default=None, max_length=500, description="Who answers; null: all but judges."
    )
    judges: list[ExpertId] = Field(
        default_factory=list, max_length=20, description="Who compares answers without a target."
    )
    against: ExpertId | None = Field(
        default=None, description="Compare all with this expert only; null: with each other."
    )
    repeat: int = Field(default=1, ge=1, le=100, description="Ask each prompt so often.")
    count: int | None = Field(
        default=None, ge=1, description="So many prompts, drawn evenly over categories; null: all."
    )
    categories: list[Annotated[str, Field(max_length=128)]] = Field(
        default_factory=list, max_length=200, description="Only prompts of these; none: all."
    )
    max_usd: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="US dollars at most, whatever answers come to; what does not fit is left out.",
    )
    max_tokens: int = Field(default=2048, ge=1, le=1_000_000, description="Of an answer.")
    temperature: float | None = Field(default=None, ge=0, le=2)
    seed: int | None = Field(default=None, ge=0, le=2**31)
    form: bool = Field(
        default=True, description="Ask for the answer in a line of its own, where it is looked for."
    )


JobWanted = Annotated[ExportWanted | TrainingWanted | EvaluationWanted, Field(discriminator="kind")]
