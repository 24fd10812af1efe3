"""``/admin/api/usage``: what was asked, where it went, what it cost."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role
from orchestrator.usage import repository
from orchestrator.usage.record import Status
from orchestrator.usage.schemas import UsageDetail, UsageView

router = APIRouter(
    prefix="/admin/api/usage",
    tags=["usage"],
    dependencies=[Depends(require_role(Role.VIEWER))],
    responses=errors(400, 401, 403),
)


@router.get("")
async def list_usage(
    request: Request,
    limit: Limit = 50,
    after: After = None,
    expert: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9._-]+$")] = None,
    status: Status | None = None,
) -> Page[UsageView]:
    """List requests, newest first."""
    async with request.app.state.services.engine.connect() as connection:
        try:
            rows = await repository.list_rows(
                connection, limit=limit + 1, after=after, expert=expert, status=status
            )
        except ValueError as error:
            raise ApiError(400, "invalid_request", str(error), param="after") from error
    return page([UsageView.of(row) for row in rows], limit, lambda row: row.request_id)


@router.get("/{request_id}", responses=errors(404))
async def get_usage(request: Request, request_id: str) -> UsageDetail:
    """Show one request with its routing decision."""
    row = None
    async with request.app.state.services.engine.connect() as connection:
        try:
            row = await repository.get_row(connection, request_id)
        except ValueError:
            row = None
    if row is None:
        raise ApiError(
            404, "not_found", "There is no usage record of this request (yet).", param="request_id"
        )
    return UsageDetail.of(row)
