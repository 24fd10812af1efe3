"""``/admin/api/router``: the router that decides now."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from orchestrator.kit.pages import errors
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


class RouterView(BaseModel):
    """The active router version over the current catalogue."""

    version: str
    embedder: str
    categories: list[CategoryView]
    policies: dict[str, dict[str, str]] = Field(description="Policy: category: expert.")


@router.get("")
async def get_router(request: Request) -> RouterView:
    """Show the active router: its categories, and the expert each is mapped to by policy."""
    services = request.app.state.services
    active = services.router
    version = active.router
    return RouterView(
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
        policies=active.mapping(services.catalogue.current),
    )
