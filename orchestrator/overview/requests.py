"""``/admin/api/usage/{request_id}``: one request with all that is on record of it."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from experts.catalogue.errors import CatalogueError
from experts.catalogue.expert import Price
from orchestrator.catalogue.service import CatalogueService
from orchestrator.feedback.schemas import FeedbackDetail
from orchestrator.feedback.tables import feedback
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.kit.registry import registry_reached
from orchestrator.overview.money import Money, money_of
from orchestrator.overview.steps import RequestStep, left_out
from orchestrator.overview.timeline import Event, calls_of, steps_of, timeline
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role
from orchestrator.usage import repository
from orchestrator.usage.schemas import UsageDetail

_MOST_VERSIONS = 20
"""Of entries that prices are looked up in; a strategy may call many experts."""

router = APIRouter(
    prefix="/admin/api/usage", tags=["usage"], responses=errors(400, 401, 403, 404, 503)
)


class RequestDetail(UsageDetail):
    """One request with what happened when, what it cost by part, and what was thought of it."""

    timeline: list[Event]
    steps: list[RequestStep] = Field(
        description="What the strategy did that answered it, at most 100; empty where none did."
    )
    steps_left_out: int = Field(description="Steps beyond these.")
    money: Money
    feedback: list[FeedbackDetail] = Field(description="At most 100, the latest first.")


@router.get("/{request_id}")
async def get_usage(
    request: Request,
    request_id: str,
    principal: Annotated[Principal, Depends(require_role(Role.VIEWER))],
) -> RequestDetail:
    """Show one request: its decision, its calls, when what happened, what it cost by part, feedback."""
    services = request.app.state.services
    row, opinions = None, []
    with registry_reached():
        async with services.engine.connect() as connection:
            try:
                row = await repository.get_row(connection, request_id)
            except (ValueError, OverflowError):
                row = None
            if row is not None:
                opinions = await _feedback(connection, request_id)
    if row is None:
        raise ApiError(
            404, "not_found", "There is no usage record of this request (yet).", param="request_id"
        )
    calls = calls_of(row)
    called = {(str(call.get("expert")), call.get("version")) for call in calls}
    with registry_reached():
        prices = await _prices(services.catalogue, called)
    told = UsageDetail.of(row).model_dump()
    if principal.tenant != row["tenant"] and not principal.role.includes(Role.ADMIN):
        for one in opinions:
            one["preferred_answer"] = None  # what was said is for the tenant and for admins
    return RequestDetail(
        **told,
        timeline=timeline(row),
        steps=steps_of(row),
        steps_left_out=left_out(row),
        money=money_of(calls, prices, row["cost_nanos"]),
        feedback=[FeedbackDetail.of(one) for one in opinions],
    )


async def _feedback(connection: AsyncConnection, request_id: str) -> list[dict[str, Any]]:
    query = sa.select(feedback).where(feedback.c.request_id == request_id)
    rows = await connection.execute(query.order_by(feedback.c.id.desc()).limit(100))
    return [dict(row) for row in rows.mappings()]


async def _prices(
    catalogue: CatalogueService, called: set[tuple[str, int | None]]
) -> dict[tuple[str, int | None], Price]:
    """Return the prices of versions of entries; those that cannot be found or read are left out."""
    found: dict[tuple[str, int | None], Price] = {}
    now = catalogue.current
    for expert, version in sorted(called, key=str)[:_MOST_VERSIONS]:
        if version is not None and now.versions.get(expert) == version:
            found[expert, version] = now.experts[expert].price
        elif version is not None:
            try:
                rows = await catalogue.versions(expert, limit=1, before=version + 1)
                found |= {(expert, row.version): row.expert().price for row in rows}
            except CatalogueError:
                continue
    return found
