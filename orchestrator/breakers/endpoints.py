"""``/admin/api/breakers``: which endpoints are left alone, and since when; close them by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from experts.calling.breaker import State
from experts.calling.health import BreakerView as Seen
from orchestrator.breakers.sharing import SharedBreakers
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

router = APIRouter(prefix="/admin/api/breakers", tags=["breakers"], responses=errors(400, 401, 403))


class BreakerView(BaseModel):
    """The circuit breaker of one endpoint, as this process knows it."""

    expert: str
    endpoint: str = Field(description="Its URL, without anything secret.")
    state: State = Field(description="Only `closed` lets every call through.")
    reason: str | None = Field(description="Code of the failure that opened it.")
    opened_at: datetime | None
    until: datetime | None = Field(description="When it is tried again.")
    outstanding: int = Field(description="Calls under way from this process.")


class Reset(BaseModel):
    """Which breakers to close."""

    model_config = ConfigDict(extra="forbid")

    expert: str = Field(max_length=64)
    endpoint: str | None = Field(
        default=None, max_length=2100, description="As listed; all of the expert's unless given."
    )


class ResetDone(BaseModel):
    """Which breakers were closed."""

    expert: str
    endpoints: list[str]


@router.get("", dependencies=[Depends(require_role(Role.VIEWER))])
async def list_breakers(
    request: Request,
    expert: Annotated[str | None, Query(max_length=64)] = None,
    state: State | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[BreakerView]:
    """List the endpoints of all experts, by expert, with their circuit breakers."""
    breakers: SharedBreakers = request.app.state.services.breakers
    if after is not None and not after.isdecimal():
        raise ApiError(400, "invalid_request", "'after' is no place in this list.", param="after")
    chosen = (
        (place, view)
        for place, view in enumerate(_all(request), start=1)
        if place > int(after or 0)
        and (expert is None or view.expert == expert)
        and (state is None or view.state is state)
    )
    found = list(islice(chosen, limit + 1))
    more = len(found) > limit
    shift = breakers.shift()
    return Page(
        data=[_view(view, shift) for _, view in found[:limit]],
        has_more=more,
        next=str(found[limit - 1][0]) if more else None,
    )


@router.post("/reset", dependencies=[Depends(require_role(Role.EDITOR))], responses=errors(404))
async def reset_breakers(body: Reset, request: Request) -> ResetDone:
    """Close the breakers of an expert, on every replica."""
    services = request.app.state.services
    entry = services.catalogue.current.experts.get(body.expert)
    if entry is None:
        raise ApiError(404, "expert_not_found", "There is no such expert.", param="expert")
    health = services.breakers.health
    health.fleet(entry)
    closed = health.reset(entry.id, body.endpoint)
    if not closed:
        raise ApiError(404, "not_found", "The expert has no such endpoint.", param="endpoint")
    return ResetDone(expert=entry.id, endpoints=list(closed))


def _all(request: Request) -> Iterator[Seen]:
    services = request.app.state.services
    health = services.breakers.health
    for _, entry in sorted(services.catalogue.current.experts.items()):
        for replica in health.fleet(entry).replicas:
            yield health.view(replica)


def _view(seen: Seen, shift: float) -> BreakerView:
    opened = seen.opened_at
    return BreakerView(
        expert=seen.expert,
        endpoint=seen.endpoint,
        state=seen.state,
        reason=seen.reason or None,
        opened_at=None if opened is None else datetime.fromtimestamp(opened + shift, UTC),
        until=None if opened is None else datetime.fromtimestamp(seen.until + shift, UTC),
        outstanding=seen.outstanding,
    )
