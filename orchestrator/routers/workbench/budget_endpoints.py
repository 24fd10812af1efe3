"""``/admin/api/routers/{id}/policies``: what a budget buys, and candidates with another one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.routers.schemas import RouterVersionView
from orchestrator.routers.translation import translated
from orchestrator.routers.version_endpoints import UPLOAD_PATH, VersionPath
from orchestrator.routers.workbench.budgets import Frontier, Solved
from orchestrator.routers.workbench.doors import Bench, Editor, Viewer, known, named
from orchestrator.routers.workbench.schemas import (
    BudgetAnswer,
    BudgetRequest,
    BudgetView,
    FrontierView,
    LimitName,
    PointView,
    PoliciesView,
    PolicyView,
    PresentView,
    SolvedView,
    SolveQuery,
    TotalsView,
    places,
    problem_of,
    totals_of,
)
from router.whatif import POINTS

router = APIRouter(
    prefix=UPLOAD_PATH, tags=["router"], responses=errors(400, 401, 403, 404, 409, 503)
)
_ALREADY: dict[int | str, dict[str, Any]] = {
    200: {"model": BudgetAnswer, "description": "It was stored already."}
}
PolicyPath = Annotated[str, Path(max_length=200, description="Name of a policy.")]


@router.get("/{version_id}/policies")
async def list_router_policies(
    version_id: VersionPath, workbench: Bench, _: Viewer
) -> PoliciesView:
    """List a version's policies with what their mappings come to over the present experts."""
    with translated():
        bench, mapped = await workbench.budgets.present(known(version_id))
    views = []
    for name, policy in bench.router.policies.items():
        message, limits = problem_of(mapped[name])
        views.append(
            PolicyView(
                name=name,
                description=policy.description,
                budget=BudgetView.of(policy.budget),
                cost_weight=policy.cost_weight,
                per_prompt=bench.router.per_prompt(policy),
                present=totals_of(mapped[name]),
                message=message,
                limits=limits,
            )
        )
    return PoliciesView(version_id=version_id, data=views)


@router.get("/{version_id}/policies/{policy}/frontier")
async def get_router_frontier(
    version_id: VersionPath,
    policy: PolicyPath,
    workbench: Bench,
    _: Viewer,
    limit_on: LimitName = "money_usd",
    points: Annotated[int, Query(ge=2, le=40, description="At most so many.")] = POINTS,
) -> FrontierView:
    """Show what more of a budget buys: mappings from the least that is possible to the best."""
    with translated():
        found = await workbench.budgets.frontier(known(version_id), policy, limit_on, points)
    return _frontier(found, policy, limit_on)


@router.get("/{version_id}/policies/{policy}/solve")
async def solve_router_policy(
    version_id: VersionPath,
    policy: PolicyPath,
    workbench: Bench,
    _: Viewer,
    query: Annotated[SolveQuery, Query()],
) -> SolvedView:
    """Show the mapping a policy would have with these limits in place of its own.

    Without any it is shown as it is.
    """
    asked = query.value()
    if query.unlimited and asked is not None:
        raise ApiError(
            400, "invalid_request", "unlimited: there are limits as well", param="unlimited"
        )
    with translated():
        found = await workbench.budgets.solve(
            known(version_id), policy, asked, changed=query.unlimited or asked is not None
        )
    return _solved(found, policy)


@router.post("/{version_id}/policies/{policy}/budget", status_code=201, responses=_ALREADY)
async def set_router_budget(
    version_id: VersionPath,
    policy: PolicyPath,
    body: BudgetRequest,
    response: Response,
    workbench: Bench,
    principal: Editor,
) -> BudgetAnswer:
    """Store a candidate in which a policy has another budget. The same is stored once (200)."""
    budget = None if body.budget is None else body.budget.value()
    with translated():
        stored, new, found = await workbench.budgets.set(
            known(version_id), policy, budget, by=named(principal), note=body.note
        )
    if not new:
        response.status_code = 200
    return BudgetAnswer(version=RouterVersionView.of(stored), solved=_solved(found, policy))


def _solved(found: Solved, policy: str) -> SolvedView:
    message, limits = problem_of(found.after)
    router_ = found.bench.router
    categories = places(found.bench.names, found.before, found.after)
    own = router_.policies[policy]
    after = own if found.after is None else found.after.policy
    return SolvedView(
        version_id=found.bench.version_id,
        policy=policy,
        budget_before=BudgetView.of(found.budget_before),
        budget=BudgetView.of(found.budget),
        feasible=message is None,
        message=message,
        limits=limits,
        before=totals_of(found.before),
        after=totals_of(found.after),
        moved=sum(each.moved for each in categories),
        per_prompt_before=router_.per_prompt(own),
        per_prompt=router_.per_prompt(after),
        solved_in_ms=1000.0 * found.seconds,
        categories=categories,
    )


def _frontier(found: Frontier, policy: str, limit_on: LimitName) -> FrontierView:
    bench, before = found.bench, found.present
    points = [
        PointView(
            spent=each.totals.of(limit_on),
            totals=TotalsView.of(each.totals),
            mapping={category: place.expert for category, place in each.places.items()},
        )
        for each in found.points
    ]
    spent = [each.spent for each in points]
    budget = bench.router.policies[policy].budget
    present = None
    if before is not None:
        present = PresentView(
            limit=None if budget is None else budget.limits().get(limit_on),
            spent=before.totals.of(limit_on),
            totals=TotalsView.of(before.totals),
        )
        spent.append(present.spent)
    message = None
    if not points:
        message = str(found.infeasible) if found.infeasible else problem_of(before)[0]
    return FrontierView(
        version_id=bench.version_id,
        policy=policy,
        limit_on=limit_on,
        lowest=min(spent) if points else None,
        highest=max(spent) if points else None,
        present=present,
        points=points,
        message=message,
    )
