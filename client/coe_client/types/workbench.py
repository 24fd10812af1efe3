"""What operators work on a router version with: categories, diagnostics, scores, budgets."""

from __future__ import annotations

from pydantic import Field

from coe_client.types.base import WireModel
from coe_client.types.routers import BudgetLimit, RouterComparison, RouterVersion


class RouterCategory(WireModel):
    """A category of a router version."""

    id: str
    name: str = ""
    description: str = ""
    parent: str | None = None
    examples: list[str] = Field(default_factory=list)
    example_count: int = 0
    keyword_count: int = 0
    origin: str = ""
    """``starter`` (as it comes with the package), ``changed`` or ``own``."""


class RouterCategoryDetail(RouterCategory):
    """A category with all that is said of it."""

    keywords: list[str] = Field(default_factory=list)


class Possible(WireModel):
    """Whether something can be done to a version."""

    possible: bool
    least_examples: int = 0
    reason: str | None = None


class RouterChanges(WireModel):
    """What can be done to a version's categories."""

    add_category: Possible
    change_texts: Possible
    change_examples: Possible
    remove_category: Possible


class RouterTaxonomy(WireModel):
    """A version's categories."""

    version_id: str
    version: str = ""
    learned: bool = False
    """From data. If not, it is made of what is said here alone."""
    data: list[RouterCategory] = Field(default_factory=list)
    possible: RouterChanges


class MovedPrompt(WireModel):
    """A prompt that is taken for another category than before."""

    text: str
    before: str
    after: str


class RouterRegression(WireModel):
    """What a change does to prompts whose category is known."""

    tried: int
    kept: int = 0
    changed: int = 0
    changes: list[MovedPrompt] = Field(default_factory=list)
    examples: int = 0
    """Prompts that came with the change."""
    recognised: int = 0
    """How many of those go to their category."""
    overlaps: dict[str, int] = Field(default_factory=dict)


class RouterTaxonomyChanged(WireModel):
    """The candidate, and what it does to prompts whose category is known."""

    version: RouterVersion | None = None
    """``None``: it was only tried."""
    regression: RouterRegression


class ShareInterval(WireModel):
    """A share with its 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None
    observations: int = 0


class Confusion(WireModel):
    """How often each category was taken for each."""

    categories: list[str]
    counts: list[list[int]]
    """A row a true category, a column what it was taken for."""


class ReliabilityBin(WireModel):
    """Decisions of about the same confidence."""

    low: float
    high: float
    observations: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


class Reliability(WireModel):
    """Whether confidence is what it says."""

    ece: float | None = None
    bins: list[ReliabilityBin] = Field(default_factory=list)


class RiskPoint(WireModel):
    """Errors among the most certain decisions."""

    coverage: float
    risk: float


class RiskCoverage(WireModel):
    """Errors over the share of prompts that is not given to ``general``."""

    area: float
    observations: int = 0
    points: list[RiskPoint] = Field(default_factory=list)


class OutOfScope(WireModel):
    """Whether prompts of no category are known for that."""

    auroc: float
    false_positive_rate: float
    in_scope: int = 0
    out_of_scope: int = 0


class CategoryCount(WireModel):
    """Requests of a category."""

    category: str
    requests: int
    mean_confidence: float | None = None


class CategoryCorrection(WireModel):
    """A category that callers said should have been another."""

    category: str
    corrected: str
    observations: int


class RouterLive(WireModel):
    """What a version's own requests and callers say."""

    days: int
    requests: int = 0
    general_share: float | None = None
    categories: list[CategoryCount] = Field(default_factory=list)
    rated: int = 0
    mean_rating: float | None = None
    """-1 (bad) to 1 (good)."""
    corrected: int = 0
    corrections: list[CategoryCorrection] = Field(default_factory=list)
    shadow: RouterComparison | None = None


class RouterDiagnostics(WireModel):
    """How well a version tells kinds of requests apart; ``None``: not measured."""

    version_id: str
    version: str = ""
    source: str = ""
    """``report``, ``held_out_examples`` or ``none``."""
    note: str = ""
    prompts: int | None = None
    accuracy: ShareInterval | None = None
    confusion: Confusion | None = None
    reliability: Reliability | None = None
    risk_coverage: RiskCoverage | None = None
    out_of_scope: OutOfScope | None = None
    live: RouterLive


class MapPoint(WireModel):
    """A prompt in the plane, -1 to 1."""

    x: float
    y: float
    kind: str = ""
    """``example`` or ``request``."""
    category: str = ""
    text: str | None = None
    request_id: str | None = None


class RouterMap(WireModel):
    """Prompts drawn in two dimensions; alike ones lie near each other."""

    version_id: str
    method: str = ""
    explained: list[float] = Field(default_factory=list)
    examples: int = 0
    requests: int = 0
    points: list[MapPoint] = Field(default_factory=list)


class EvaluatedScore(WireModel):
    """What feedback has found since; the version does not go by it."""

    quality: float
    low: float
    high: float
    observations: int


class ScoreCell(WireModel):
    """What is expected of an expert in a category."""

    category: str
    quality: float
    low: float | None = None
    high: float | None = None
    observations: float = 0.0
    source: str = ""
    """``measured`` or ``prior``."""
    evaluated: EvaluatedScore | None = None


class ExpertScores(WireModel):
    """An expert in all categories."""

    expert: str
    enabled: bool = True
    measured: bool = False
    expected_quality: float = 0.0
    expected_cost_usd: float = 0.0
    cells: list[ScoreCell] = Field(default_factory=list)


class RouterBudget(WireModel):
    """Limits on what a policy's mapping may use; ``None`` limits nothing."""

    money_usd: float | None = None
    """US dollars a request, on average."""
    active_parameters: float | None = None
    """Billions at work for a request, on average."""
    latency_s: float | None = None
    """Seconds to an answer, on average."""
    resident_parameters: float | None = None
    """Billions, of all experts in use together."""
    max_experts: int | None = None


class MappingTotals(WireModel):
    """What a mapping comes to, for a request of usual size."""

    expected_quality: float
    expected_cost_usd: float = 0.0
    active_parameters: float = 0.0
    latency_s: float | None = None
    resident_parameters: float = 0.0
    experts: int = 0


class RouterPolicy(WireModel):
    """A policy and what its mapping comes to now."""

    name: str
    description: str = ""
    budget: RouterBudget | None = None
    cost_weight: float = 0.0
    per_prompt: bool = False
    present: MappingTotals | None = None
    message: str | None = None
    """Why the budget cannot be kept, where it cannot."""
    limits: list[BudgetLimit] = Field(default_factory=list)


class RouterPolicies(WireModel):
    """All policies of a version over the present experts."""

    version_id: str
    data: list[RouterPolicy] = Field(default_factory=list)


class FrontierPoint(WireModel):
    """One mapping on a frontier."""

    spent: float
    totals: MappingTotals
    mapping: dict[str, str] = Field(default_factory=dict)


class FrontierPresent(WireModel):
    """Where a policy is now."""

    limit: float | None = None
    spent: float
    totals: MappingTotals


class RouterFrontier(WireModel):
    """What more of a budget buys."""

    version_id: str
    policy: str
    limit_on: str
    lowest: float | None = None
    highest: float | None = None
    present: FrontierPresent | None = None
    points: list[FrontierPoint] = Field(default_factory=list)
    message: str | None = None


class CategoryMove(WireModel):
    """A category before and after."""

    id: str
    name: str = ""
    moved: bool = False
    expert_before: str = ""
    expert: str = ""
    quality_before: float = 0.0
    quality: float = 0.0
    cost_usd_before: float = 0.0
    cost_usd: float = 0.0
    source_before: str = ""
    source: str = ""


class RouterSolved(WireModel):
    """A policy's mapping as it is, and as it would be."""

    version_id: str
    policy: str
    budget_before: RouterBudget | None = None
    budget: RouterBudget | None = None
    feasible: bool = True
    message: str | None = None
    limits: list[BudgetLimit] = Field(default_factory=list)
    before: MappingTotals | None = None
    after: MappingTotals | None = None
    moved: int = 0
    per_prompt_before: bool = False
    per_prompt: bool = False
    solved_in_ms: float = 0.0
    categories: list[CategoryMove] = Field(default_factory=list)


class RouterBudgetSet(WireModel):
    """The candidate, and how its mapping differs."""

    version: RouterVersion
    solved: RouterSolved


class CategoryChanges(WireModel):
    """Categories that two versions have not in common."""

    added: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list)


class PolicyComparison(WireModel):
    """A policy in both versions."""

    policy: str
    in_base: bool = True
    in_version: bool = True
    budget_base: RouterBudget | None = None
    budget_version: RouterBudget | None = None
    base: MappingTotals | None = None
    version: MappingTotals | None = None
    moved: int = 0
    categories: list[CategoryMove] = Field(default_factory=list)


class ScoreDifference(WireModel):
    """An expert of whom two versions expect different things."""

    expert: str
    category: str
    base: float
    version: float


class ScoreComparison(WireModel):
    """What two versions expect of the same experts in the same categories."""

    compared: int
    differing: int = 0
    largest: list[ScoreDifference] = Field(default_factory=list)


class ComparedFigure(WireModel):
    """A figure of both versions' evaluations."""

    name: str
    base: float | None = None
    version: float | None = None


class RoutersCompared(WireModel):
    """Two versions side by side, over the present experts."""

    base: RouterVersion
    version: RouterVersion
    categories: CategoryChanges
    policies: list[PolicyComparison] = Field(default_factory=list)
    scores: ScoreComparison
    figures: list[ComparedFigure] = Field(default_factory=list)
