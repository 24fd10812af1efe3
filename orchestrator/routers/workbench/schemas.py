"""What the endpoints of policies and budgets take and give."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.routers.schemas import LimitView, RouterVersionView, limit_views
from router.mapping import Budget
from router.whatif import Mapped, Totals

Positive = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
LimitName = Literal[
    "money_usd", "active_parameters", "latency_s", "resident_parameters", "max_experts"
]


class BudgetView(BaseModel):
    """Limits on what a policy's mapping may use; null limits nothing."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    money_usd: Positive | None = Field(None, description="US dollars a request, on average.")
    active_parameters: Positive | None = Field(
        None, description="Billions of parameters at work for a request, on average."
    )
    latency_s: Positive | None = Field(None, description="Seconds to an answer, on average.")
    resident_parameters: Positive | None = Field(
        None, description="Billions of parameters of all experts in use together."
    )
    max_experts: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="How many different experts may be in use."
    )

    def value(self) -> Budget | None:
        """Return it as the router has it; ``None`` where nothing is limited."""
        budget = Budget(**self.model_dump(include=set(BudgetView.model_fields)))
        return budget if budget.limits() else None

    @classmethod
    def of(cls, budget: Budget | None) -> Self | None:
        """Return the view of a budget that limits something."""
        return cls.model_validate(budget) if budget is not None and budget.limits() else None


class SolveQuery(BudgetView):
    """Limits in place of a policy's own, all of them."""

    unlimited: bool = Field(False, description="Take all limits away.")


class TotalsView(BaseModel):
    """What a mapping comes to, for a request of usual size, all categories weighing the same."""

    model_config = ConfigDict(from_attributes=True)

    expected_quality: float = Field(description="0 to 1.")
    expected_cost_usd: float = Field(description="US dollars a request.")
    active_parameters: float = Field(description="Billions a request.")
    latency_s: float | None = Field(description="Seconds to an answer. Null: not known yet.")
    resident_parameters: float = Field(description="Billions, of all experts in use together.")
    experts: int = Field(description="How many are in use.")

    @classmethod
    def of(cls, totals: Totals) -> Self:
        """Return the view of totals."""
        return cls.model_validate(totals)


class PolicyView(BaseModel):
    """A policy and what its mapping comes to now."""

    name: str
    description: str
    budget: BudgetView | None = Field(description="Null: nothing is limited.")
    cost_weight: float = Field(
        description="Quality given up for the step from free to 0.10 dollars a request."
    )
    per_prompt: bool = Field(
        description="Whether single prompts go to another expert than their category's where "
        "that one is expected to do better."
    )
    present: TotalsView | None = Field(description="Null: there is no expert.")
    message: str | None = Field(description="Set where the budget cannot be kept: why.")
    limits: list[LimitView] = Field(description="Limits to be raised for it to be kept.")


class PoliciesView(BaseModel):
    """All policies of a version over the present catalogue."""

    version_id: str
    data: list[PolicyView]


class PointView(BaseModel):
    """One mapping on a frontier."""

    spent: float = Field(description="What it uses of what is limited.")
    totals: TotalsView
    mapping: dict[str, str] = Field(description="Category: expert.")


class PresentView(BaseModel):
    """Where a policy is now."""

    limit: float | None = Field(description="Its own limit. Null: there is none.")
    spent: float
    totals: TotalsView


class FrontierView(BaseModel):
    """What more of a budget buys."""

    version_id: str
    policy: str
    limit_on: LimitName
    lowest: float | None = Field(description="The least that any mapping uses: a slider's left.")
    highest: float | None = Field(description="What the best one uses, or the present one.")
    present: PresentView | None
    points: list[PointView] = Field(description="By rising use, each better than those before.")
    message: str | None = Field(description="Why there are no points, where there are none.")


class PlaceView(BaseModel):
    """A category before and after."""

    id: str
    name: str
    moved: bool
    expert_before: str
    expert: str
    quality_before: float
    quality: float
    cost_usd_before: float
    cost_usd: float
    source_before: Literal["measured", "prior"]
    source: Literal["measured", "prior"]


class SolvedView(BaseModel):
    """A policy's mapping as it is, and as it would be."""

    version_id: str
    policy: str
    budget_before: BudgetView | None
    budget: BudgetView | None
    feasible: bool = Field(description="If not, `after` keeps to the nearest that can be kept.")
    message: str | None = Field(description="Why not.")
    limits: list[LimitView] = Field(description="Limits to be raised, all of them together.")
    before: TotalsView | None = Field(description="Null: there is no expert.")
    after: TotalsView | None
    moved: int = Field(description="How many categories have another expert.")
    per_prompt_before: bool
    per_prompt: bool = Field(description="As in the list of policies.")
    solved_in_ms: float = Field(description="Time of the solver; 0 where it was known already.")
    categories: list[PlaceView]


class BudgetRequest(BaseModel):
    """Another budget for a policy."""

    model_config = ConfigDict(extra="forbid")

    budget: BudgetView | None = Field(
        description="In place of the one there is, as a whole. Null: nothing is limited."
    )
    note: str = Field("", max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")


class BudgetAnswer(BaseModel):
    """The candidate, and how its mapping differs."""

    version: RouterVersionView
    solved: SolvedView


def places(names: dict[str, str], before: Mapped | None, after: Mapped | None) -> list[PlaceView]:
    """Return the categories that both mappings have, before and after.

    Args:
        names: Of the categories, by id, in their order.
        before: One mapping.
        after: The other.
    """
    if before is None or after is None:
        return []
    found = []
    for id_, name in names.items():
        if id_ not in before.places or id_ not in after.places:
            continue
        was, now = before.places[id_], after.places[id_]
        found.append(
            PlaceView(
                id=id_,
                name=name,
                moved=was.expert != now.expert,
                expert_before=was.expert,
                expert=now.expert,
                quality_before=was.quality,
                quality=now.quality,
                cost_usd_before=was.cost_usd,
                cost_usd=now.cost_usd,
                source_before=was.source,
                source=now.source,
            )
        )
    return found


def totals_of(mapped: Mapped | None) -> TotalsView | None:
    """Return the view of a mapping's totals, if there is one."""
    return None if mapped is None else TotalsView.of(mapped.totals)


def problem_of(mapped: Mapped | None) -> tuple[str | None, list[LimitView]]:
    """Return why a mapping's budget cannot be kept, and which limits to raise."""
    if mapped is None:
        return "No expert is in the catalogue.", []
    error = mapped.infeasible
    return (None, []) if error is None else (str(error), limit_views(error))
