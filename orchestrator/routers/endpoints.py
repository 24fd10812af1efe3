"""``/admin/api/router``: what decides now, as this process has it."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from orchestrator.kit.pages import errors
from orchestrator.routers.lifecycle import BUILT_IN
from orchestrator.routers.schemas import InfeasibleView, LoadFailureView, infeasible_views
from orchestrator.routers.service import Deployed
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

router = APIRouter(
    prefix="/admin/api/router",
    tags=["router"],
    dependencies=[Depends(require_role(Role.VIEWER))],
    responses=errors(401, 403),
)


class CategoryView(BaseModel):
    """A kind of request."""

    id: str
    name: str
    description: str
    examples: int = Field(description="How many example prompts it was learned from.")


class TriedView(BaseModel):
    """A version that decides for a share of the requests, or beside them."""

    id: str
    version: str
    share: float


class RouterView(BaseModel):
    """The active router version over the current catalogue."""

    id: str = Field(description="`rv_...`, or `starter` for the built-in one.")
    version: str
    embedder: str
    categories: list[CategoryView]
    policies: dict[str, dict[str, str]] = Field(description="Policy: category: expert.")
    infeasible: dict[str, InfeasibleView] = Field(
        description="By policy, the budgets that the present experts cannot keep."
    )
    down: list[str] = Field(description="Experts that are down, as this process sees them.")
    canary: TriedView | None = Field(description="Decides for a share of the requests.")
    shadow: TriedView | None = Field(description="Decides beside, noted and never used.")
    failures: list[LoadFailureView] = Field(
        description="Versions that should decide something but cannot be loaded by this process."
    )


@router.get("")
async def get_router(request: Request) -> RouterView:
    """Show the active router: its categories, and the expert each is mapped to by policy."""
    services = request.app.state.services
    active, catalogue = services.router, services.catalogue.current
    version = active.router
    plan = active.plan
    return RouterView(
        id=plan.active.version_id or BUILT_IN,
        version=version.version,
        embedder=version.embedder.id,
        categories=[
            CategoryView(
                id=category.id,
                name=category.name,
                description=category.description,
                examples=len(category.examples),
            )
            for category in version.taxonomy.categories
        ],
        policies=active.mapping(catalogue),
        infeasible=infeasible_views(active.pool(catalogue)),
        down=sorted(active.down),
        canary=_tried(plan.canary),
        shadow=_tried(plan.shadow),
        failures=[LoadFailureView.model_validate(one) for one in services.routers.failures],
    )


def _tried(deployed: Deployed | None) -> TriedView | None:
    if deployed is None or deployed.version_id is None:
        return None
    return TriedView(id=deployed.version_id, version=deployed.router.version, share=deployed.share)
