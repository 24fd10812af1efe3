"""``/admin/api/budgets``: how much of their money tenants and keys have spent, and when it will be gone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from orchestrator.budgets.schemas import BudgetView, Sort, State
from orchestrator.budgets.service import Budgets, Place, behind
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import CountedPage, Limit, counted_page, errors
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants import schemas
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role
from orchestrator.tenants.limits.values import TENANT

router = APIRouter(
    prefix="/admin/api/budgets",
    tags=["limits"],
    dependencies=[Depends(require_role(Role.VIEWER))],
    responses=errors(400, 401, 403, 503),
)


def _budgets(request: Request) -> Budgets:
    budgets: Budgets = request.app.state.services.budgets
    return budgets


All = Annotated[Budgets, Depends(_budgets)]


@router.get("")
async def list_budgets(
    budgets: All,
    limit: Limit = 50,
    after: schemas.Place = None,
    q: Annotated[schemas.Text, Query(description="In names and ids.")] = None,
    tenant: schemas.TenantId = None,
    state: State | None = None,
    sort: Annotated[Sort, Query(description="With `-`, the largest first.")] = "-share",
) -> CountedPage[BudgetView]:
    """List who has limits, with what is spent, left and to be expected of each budget."""
    with registry_reached():
        found = await budgets.standings(text=q, tenant=tenant, state=state, sort=sort)
        rest = found if after is None else behind(found, _place(after), sort)
        shown = rest[: limit + 1]
        views = await budgets.views(shown)
    places = {id(view): one.place for view, one in zip(views, shown, strict=True)}
    return counted_page(views, limit, lambda view: _written(places[id(view)]), len(found))


@router.get("/tenants/{tenant}", responses=errors(404))
async def get_tenant_budget(
    budgets: All, tenant: Annotated[str, Path(pattern=schemas.TENANT)]
) -> BudgetView:
    """Show what a tenant has spent of its budgets."""
    return await _one(budgets, tenant, TENANT)


@router.get("/keys/{key_id}", responses=errors(404))
async def get_key_budget(
    budgets: All, key_id: Annotated[str, Path(pattern="^key_[0-9a-f]{32}$")]
) -> BudgetView:
    """Show what a key has spent of its budgets."""
    return await _one(budgets, None, key_id)


async def _one(budgets: Budgets, tenant: str | None, scope: str) -> BudgetView:
    with registry_reached():
        found = await budgets.standings(tenant=tenant, scope=scope)
        views = await budgets.views(found)
    if not views:
        raise ApiError(404, "not_found", "No limits are set there.")
    return views[0]


def _written(place: Place) -> str:
    number, tenant, scope = place
    return f"{number!r} {tenant} {scope}"


def _place(text: str) -> Place:
    try:
        number, tenant, scope = text.split(" ")
        return float(number), tenant, scope
    except ValueError as error:
        raise ApiError(
            400, "invalid_request", "after: not a place in this list", param="after"
        ) from error
