"""What the endpoints of diagnostics give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.routers.schemas import ComparisonView
from orchestrator.routers.workbench.diagnosis import Live, Map

Known = Literal["report", "held_out_examples", "none"]
NOTES: Mapping[Known, str] = {
    "report": "From the evaluation that the version came with, on prompts it was not shown.",
    "held_out_examples": "From the version's own examples, each held out in turn: kinder than "
    "requests will be. An evaluation on labelled prompts tells more.",
    "none": "Not measured: the version came without an evaluation.",
}


class IntervalView(BaseModel):
    """A share with its 95 % interval."""

    value: float
    low: float | None
    high: float | None
    observations: int


class ConfusionView(BaseModel):
    """How often each category was taken for each."""

    categories: list[str]
    counts: list[list[int]] = Field(description="A row a true category, a column what it became.")


class BinView(BaseModel):
    """Decisions of about the same confidence."""

    low: float
    high: float
    observations: int
    confidence: float = Field(description="Mean.")
    accuracy: float = Field(description="Share that was right.")
    accuracy_low: float
    accuracy_high: float


class ReliabilityView(BaseModel):
    """Whether confidence is what it says."""

    ece: float | None = Field(description="Expected calibration error: 0 is perfect.")
    bins: list[BinView]


class CurvePoint(BaseModel):
    """Errors among the most certain decisions."""

    coverage: float = Field(description="Share of the prompts that is kept.")
    risk: float = Field(description="Share of errors among them.")


class RiskCoverageView(BaseModel):
    """Errors over the share of prompts that is not given to `general`."""

    area: float
    observations: int
    points: list[CurvePoint]


class OutOfScopeView(BaseModel):
    """Whether prompts of no category are known for that."""

    auroc: float
    false_positive_rate: float = Field(description="Where 95 % of those in scope are let in.")
    in_scope: int
    out_of_scope: int


class CountView(BaseModel):
    """Requests of a category."""

    model_config = ConfigDict(from_attributes=True)

    category: str
    requests: int
    mean_confidence: float | None


class CorrectionView(BaseModel):
    """A category that callers said should have been another."""

    model_config = ConfigDict(from_attributes=True)

    category: str
    corrected: str
    observations: int


class LiveView(BaseModel):
    """What a version's own requests and callers say, of the latest 50,000."""

    days: int
    requests: int
    general_share: float | None = Field(description="Share treated as `general`.")
    categories: list[CountView]
    rated: int
    mean_rating: float | None = Field(description="-1 (bad) to 1 (good).")
    corrected: int
    corrections: list[CorrectionView]
    shadow: ComparisonView | None = Field(description="Null: it never was a shadow.")

    @classmethod
    def of(cls, days: int, found: Live) -> Self:
        """Return the view of what was found."""
        requests = sum(each.requests for each in found.categories)
        general = sum(each.requests for each in found.categories if each.category == "general")
        corrections = found.opinions.corrections
        shadow = found.shadow
        return cls(
            days=days,
            requests=requests,
            general_share=general / requests if requests else None,
            categories=[CountView.model_validate(each) for each in found.categories],
            rated=found.opinions.rated,
            mean_rating=found.opinions.mean_rating,
            corrected=sum(each.observations for each in corrections),
            corrections=[CorrectionView.model_validate(each) for each in corrections],
            shadow=ComparisonView.of(shadow) if shadow is not None and shadow.n else None,
        )


class DiagnosticsView(BaseModel):
    """How well a version tells kinds of requests apart. Null: not measured."""

    version_id: str
    version: str
    source: Known
    note: str
    prompts: int | None
    accuracy: IntervalView | None
    confusion: ConfusionView | None
    reliability: ReliabilityView | None
    risk_coverage: RiskCoverageView | None
    out_of_scope: OutOfScopeView | None
    live: LiveView


class PointOnMap(BaseModel):
    """A prompt in the plane."""

    x: float
    y: float
    kind: Literal["example", "request"]
    category: str
    text: str | None = Field(description="Of an example. What callers said is not told here.")
    request_id: str | None


class ProjectionView(BaseModel):
    """Prompts drawn in two dimensions; alike ones lie near each other."""

    version_id: str
    method: Literal["pca"] = "pca"
    explained: list[float] = Field(description="Share of the variance that each axis shows.")
    examples: int
    requests: int
    points: list[PointOnMap]

    @classmethod
    def of(cls, found: Map) -> Self:
        """Return the view of a map."""
        points = [
            PointOnMap(
                x=each.x,
                y=each.y,
                kind="example" if each.request_id is None else "request",
                category=each.category,
                text=each.text,
                request_id=each.request_id,
            )
            for each in found.points
        ]
        requests = sum(each.kind == "request" for each in points)
        return cls(
            version_id=found.bench.version_id,
            explained=list(found.explained),
            examples=len(points) - requests,
            requests=requests,
            points=points,
        )
