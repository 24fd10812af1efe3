"""``/admin/api/routers/{id}/compare``: two versions side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.kit.pages import errors
from orchestrator.routers.schemas import RouterVersionView
from orchestrator.routers.translation import translated
from orchestrator.routers.version_endpoints import UPLOAD_PATH, VersionPath, built_in_view
from orchestrator.routers.workbench.comparing import Differences, Side, differences
from orchestrator.routers.workbench.doors import Bench, Viewer, known
from orchestrator.routers.workbench.figures import numbers_of
from orchestrator.routers.workbench.schemas import (
    BudgetView,
    PlaceView,
    TotalsView,
    places,
    totals_of,
)

router = APIRouter(
    prefix=UPLOAD_PATH, tags=["router"], responses=errors(400, 401, 403, 404, 409, 503)
)


class CategoryChanges(BaseModel):
    """Categories that the versions have not in common."""

    added: list[str] = Field(description="The version has, the base has not.")
    removed: list[str]
    changed: list[str] = Field(description="Both have, and say different things of.")


class PolicyComparison(BaseModel):
    """A policy in both versions."""

    policy: str
    in_base: bool
    in_version: bool
    budget_base: BudgetView | None
    budget_version: BudgetView | None
    base: TotalsView | None
    version: TotalsView | None
    moved: int
    categories: list[PlaceView] = Field(description="`before`: in the base.")


class ScoreDifferenceView(BaseModel):
    """An expert of whom the versions expect different things."""

    model_config = ConfigDict(from_attributes=True)

    expert: str
    category: str
    base: float
    version: float


class ScoreComparison(BaseModel):
    """What the versions expect of the same experts in the same categories."""

    model_config = ConfigDict(from_attributes=True)

    compared: int
    differing: int
    largest: list[ScoreDifferenceView]


class FigureView(BaseModel):
    """A figure of both versions' evaluations."""

    name: str
    base: float | None
    version: float | None


class VersionsCompared(BaseModel):
    """Two versions side by side, over the present experts."""

    base: RouterVersionView
    version: RouterVersionView
    categories: CategoryChanges
    policies: list[PolicyComparison]
    scores: ScoreComparison
    figures: list[FigureView] = Field(
        description="As their evaluations have them, each on its own prompts."
    )


@router.get("/{version_id}/compare")
async def compare_router_versions(
    request: Request,
    version_id: VersionPath,
    workbench: Bench,
    _: Viewer,
    base: Annotated[str, Query(alias="with", max_length=200, description="The other version.")],
) -> VersionsCompared:
    """Set a version beside another: categories, mappings, scores, and their evaluations."""
    with translated():
        first, second = await workbench.comparing.of(known(base), known(version_id))
        active = await request.app.state.services.routers.active_id()
        views = [
            built_in_view(side.bench.router, active)
            if side.stored is None
            else RouterVersionView.of(side.stored)
            for side in (first, second)
        ]
    return VersionsCompared(
        base=views[0],
        version=views[1],
        categories=_categories(first, second),
        policies=[
            _policy(first, second, name) for name in dict.fromkeys([*second.mapped, *first.mapped])
        ],
        scores=_scores(differences(first.bench, second.bench)),
        figures=_figures(first, second),
    )


def _categories(base: Side, version: Side) -> CategoryChanges:
    old = {each.id: each for each in base.bench.router.taxonomy.categories}
    new = {each.id: each for each in version.bench.router.taxonomy.categories}
    return CategoryChanges(
        added=[id_ for id_ in new if id_ not in old],
        removed=[id_ for id_ in old if id_ not in new],
        changed=[id_ for id_ in new if id_ in old and old[id_] != new[id_]],
    )


def _policy(base: Side, version: Side, name: str) -> PolicyComparison:
    before, after = base.mapped.get(name), version.mapped.get(name)
    categories = places(version.bench.names, before, after)
    policies = [side.bench.router.policies.get(name) for side in (base, version)]
    budgets = [None if each is None else BudgetView.of(each.budget) for each in policies]
    return PolicyComparison(
        policy=name,
        in_base=policies[0] is not None,
        in_version=policies[1] is not None,
        budget_base=budgets[0],
        budget_version=budgets[1],
        base=totals_of(before),
        version=totals_of(after),
        moved=sum(each.moved for each in categories),
        categories=categories,
    )


def _scores(found: Differences) -> ScoreComparison:
    return ScoreComparison.model_validate(found)


def _figures(base: Side, version: Side) -> list[FigureView]:
    old, new = numbers_of(base.report or {}), numbers_of(version.report or {})
    return [
        FigureView(name=name, base=old.get(name), version=new.get(name))
        for name in dict.fromkeys([*new, *old])
    ]
