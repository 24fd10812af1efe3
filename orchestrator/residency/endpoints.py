"""``/admin/api/residency``: which local models are in memory, and who waits for them."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from experts.residency.manager import ModelView, State
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

router = APIRouter(
    prefix="/admin/api/residency", tags=["residency"], responses=errors(400, 401, 403)
)


class ModelRecord(BaseModel):
    """A local model, as this process knows it."""

    model: str = Field(description="Its file, or its server and its name there.")
    experts: list[str] = Field(description="Ids of the experts that it has answered for.")
    state: State
    size: int = Field(
        description="Bytes that it takes, or would take; measured where it was loaded."
    )
    in_use: int = Field(description="Requests that are being answered with it.")
    waiting: int = Field(description="Requests that wait for it.")
    loads: int = Field(description="How often this process has loaded it.")
    idle_seconds: float | None = Field(description="Since it was last asked for.")
    share: float = Field(description="Share of the coming requests that is expected for it.")


@router.get("", dependencies=[Depends(require_role(Role.VIEWER))])
async def list_models(
    request: Request, limit: Limit = 50, after: After = None
) -> Page[ModelRecord]:
    """List the local models that this process was asked for, by name."""
    if after is not None and not after.isdecimal():
        raise ApiError(400, "invalid_request", "'after' is no place in this list.", param="after")
    begin = int(after or 0)
    views = request.app.state.services.residency.view()[begin:]
    more = len(views) > limit
    return Page(
        data=[_record(view) for view in views[:limit]],
        has_more=more,
        next=str(begin + limit) if more else None,
    )


def _record(view: ModelView) -> ModelRecord:
    return ModelRecord(
        model=view.name,
        experts=list(view.experts),
        state=view.state,
        size=view.size,
        in_use=view.in_use,
        waiting=view.waiting,
        loads=view.loads,
        idle_seconds=view.idle_seconds,
        share=view.share,
    )
