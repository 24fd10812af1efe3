"""``/admin/api/strategies``: what strategies there are, and which requests they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.assignments.service import ANY, Assignments
from orchestrator.conductor.picture import picture_of_strategy
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

_SCOPE = r"^(\*|[a-z0-9][a-z0-9._-]{0,63})$"
ScopeName = Annotated[str, Field(pattern=_SCOPE)]


class StrategyView(BaseModel):
    """One strategy."""

    name: str
    description: str
    picture: str = Field(description="Its graph, as Mermaid.")


class AssignmentView(BaseModel):
    """Which strategy answers which requests."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    tenant: str
    policy: str
    category: str
    strategy: str
    updated_at: datetime
    updated_by: str


class AssignmentRequest(BaseModel):
    """A strategy to be assigned; ``*`` stands for any."""

    model_config = ConfigDict(extra="forbid")

    tenant: ScopeName = ANY
    policy: ScopeName = ANY
    category: ScopeName = ANY
    strategy: str = Field(min_length=1, max_length=64, description="`direct`: one expert, as ever.")


def _assignments(request: Request) -> Assignments:
    found: Assignments = request.app.state.services.assignments
    return found


Service = Annotated[Assignments, Depends(_assignments)]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]

router = APIRouter(
    prefix="/admin/api/strategies", tags=["strategies"], responses=errors(400, 401, 403, 503)
)


@router.get("")
async def list_strategies(_: Viewer) -> Page[StrategyView]:
    """List the strategies, each with its graph as LangGraph draws it."""
    views = await asyncio.to_thread(_views)
    return page(views, len(views), lambda view: view.name)


@router.get("/assignments")
async def list_assignments(
    service: Service, _: Viewer, limit: Limit = 50, after: After = None
) -> Page[AssignmentView]:
    """List assignments in the order they were made."""
    if after is not None and "\x00" in after:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    with registry_reached():
        found = await service.list(limit + 1, after)
    return page([AssignmentView.model_validate(each) for each in found], limit, lambda row: row.id)


@router.put("/assignments")
async def assign_strategy(
    body: AssignmentRequest, request: Request, service: Service, editor: Editor
) -> AssignmentView:
    """Let a strategy answer some requests, on every replica within a second."""
    _check(body, request)
    with registry_reached():
        found = await service.put(**body.model_dump(), by=editor.key_id)
    return AssignmentView.model_validate(found)


@router.delete("/assignments/{assignment_id}", status_code=204, responses=errors(404))
async def delete_assignment(assignment_id: str, service: Service, _: Editor) -> Response:
    """Take an assignment back: the next closest holds, or one expert answers."""
    storable = assignment_id.isascii() and assignment_id.isprintable()
    with registry_reached():
        known = storable and await service.delete(assignment_id)
    if not known:
        told = "There is no assignment of this id."
        raise ApiError(404, "not_found", told, param="assignment_id")
    return Response(status_code=204)


def _check(body: AssignmentRequest, request: Request) -> None:
    """Refuse what could never have an effect.

    Raises:
        ApiError: 400, naming the field.
    """
    services = request.app.state.services
    if body.strategy not in STRATEGIES:
        raise ApiError(400, "unknown_strategy", _there_are(STRATEGIES), param="strategy")
    policies = (ANY, *services.router.policies)
    if body.policy not in policies:
        raise ApiError(400, "invalid_request", _there_are(policies), param="policy")
    categories = (ANY, *services.router.router.taxonomy.ids)
    if body.category not in categories:
        raise ApiError(400, "unknown_category", _there_are(categories), param="category")


def _there_are(names: Iterable[str]) -> str:
    return f"There is no such thing. There are: {', '.join(names)}."


@cache
def _views() -> list[StrategyView]:
    """Return all strategies; to draw the first one imports LangGraph."""
    return [
        StrategyView(
            name=each.name, description=each.description, picture=picture_of_strategy(each)
        )
        for each in STRATEGIES.values()
    ]
