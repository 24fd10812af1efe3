"""``/admin/api/residency``: which local models are in memory, who waits for them, and what an operator wants there."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from experts.catalogue.expert import Expert
from experts.errors import ExpertError
from experts.residency.manager import ModelInUse, NoRoomToPin
from experts.residency.views import ModelView, State
from orchestrator.chat.errors import api_error
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors
from orchestrator.residency.service import NotManaged, Residency
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

router = APIRouter(
    prefix="/admin/api/residency", tags=["residency"], responses=errors(400, 401, 403)
)
_VIEWER = [Depends(require_role(Role.VIEWER))]
_EDITOR = [Depends(require_role(Role.EDITOR))]


class ModelRecord(BaseModel):
    """A local model, as this process knows it."""

    model: str = Field(description="Its file, or its server and its name there.")
    experts: list[str] = Field(description="Ids of the experts that it answers for.")
    state: State = Field(
        description="`mapped`: not loaded, but in main memory; `unknown`: its server was not asked yet."
    )
    size: int | None = Field(description="Bytes that it takes, or would take.")
    measured: bool = Field(description="Whether that was measured when it was loaded.")
    pinned: bool = Field(description="Whether it is never taken out for others.")
    in_use: int = Field(description="Requests that are being answered with it.")
    waiting: int = Field(description="Requests that wait for it.")
    loads: int = Field(description="How often this process has loaded it.")
    idle_seconds: float | None = Field(description="Since it was last asked for.")
    share: float = Field(description="Share of the coming requests that is expected for it.")


class MemoryRecord(BaseModel):
    """The memory that local models share in this process."""

    budget: int | None = Field(description="Bytes that they may take together, if that is limited.")
    used: int = Field(description="Bytes that they take.")
    pinned: int = Field(description="Bytes of those that are never taken out for others.")
    waiting: int = Field(description="Requests that wait for a model.")
    states: dict[State, int] = Field(description="How many are loaded, or on their way in or out.")


class Wanted(BaseModel):
    """Whose models are meant."""

    model_config = ConfigDict(extra="forbid")

    expert: str = Field(max_length=64)


class ExpertModels(BaseModel):
    """The local models of an expert: one, or one for each endpoint on a server that is managed."""

    expert: str
    models: list[ModelRecord]


@router.get("", dependencies=_VIEWER)
async def list_models(
    request: Request, limit: Limit = 50, after: After = None
) -> Page[ModelRecord]:
    """List the local models of all experts, by name, as this process knows them."""
    if after is not None and not after.isdecimal():
        raise ApiError(400, "invalid_request", "'after' is no place in this list.", param="after")
    begin = int(after or 0)
    views = (await _residency(request).view())[begin:]
    more = len(views) > limit
    return Page(
        data=[_record(view) for view in views[:limit]],
        has_more=more,
        next=str(begin + limit) if more else None,
    )


@router.get("/memory", dependencies=_VIEWER)
async def get_memory(request: Request) -> MemoryRecord:
    """Tell how full the memory is that local models share in this process."""
    view = _residency(request).memory()
    return MemoryRecord(
        budget=int(view.budget) if math.isfinite(view.budget) else None,
        used=view.used,
        pinned=view.pinned,
        waiting=view.waiting,
        states=view.states,
    )


@router.post("/load", dependencies=_EDITOR, responses=errors(404, 502, 504))
async def load_models(body: Wanted, request: Request) -> ExpertModels:
    """Load an expert's models; answers once they can. They make room as for requests, and wait their turn."""
    async with _expert(body, request) as expert:
        return _answer(expert, await _residency(request).load(expert))


@router.post("/unload", dependencies=_EDITOR, responses=errors(404, 409, 502, 504))
async def unload_models(body: Wanted, request: Request) -> ExpertModels:
    """Unload an expert's models, until a request asks for them. Nobody may be using them."""
    async with _expert(body, request) as expert:
        return _answer(expert, await _residency(request).unload(expert))


@router.post("/pin", dependencies=_EDITOR, responses=errors(404, 409, 502, 504))
async def pin_models(body: Wanted, request: Request) -> ExpertModels:
    """Let an expert's models stay in memory once they are loaded, until this process ends."""
    async with _expert(body, request) as expert:
        return _answer(expert, await _residency(request).pin(expert, pinned=True))


@router.post("/unpin", dependencies=_EDITOR, responses=errors(404, 502, 504))
async def unpin_models(body: Wanted, request: Request) -> ExpertModels:
    """Let an expert's models make room for others again."""
    async with _expert(body, request) as expert:
        return _answer(expert, await _residency(request).pin(expert, pinned=False))


def _residency(request: Request) -> Residency:
    residency: Residency = request.app.state.services.residency
    return residency


@asynccontextmanager
async def _expert(body: Wanted, request: Request) -> AsyncIterator[Expert]:
    """Yield the expert that is meant; what goes wrong meanwhile is said in HTTP.

    Raises:
        ApiError: 404, 400 where it has no such models, 409, 502 or 504.
    """
    entry = request.app.state.services.catalogue.current.experts.get(body.expert)
    if entry is None:
        raise ApiError(404, "expert_not_found", "There is no such expert.", param="expert")
    try:
        yield entry
    except NotManaged as error:
        message = "The expert has no model that is loaded and unloaded here."
        raise ApiError(400, "expert_not_local", message, param="expert") from error
    except ModelInUse as error:
        raise ApiError(409, "model_in_use", f"It cannot be unloaded: {error}.") from error
    except NoRoomToPin as error:
        raise ApiError(409, "no_room_to_pin", f"It cannot be pinned: {error}.") from error
    except ExpertError as error:
        raise api_error(error) from error


def _answer(expert: Expert, views: Sequence[ModelView]) -> ExpertModels:
    return ExpertModels(expert=expert.id, models=[_record(view) for view in views])


def _record(view: ModelView) -> ModelRecord:
    return ModelRecord(
        model=view.name,
        experts=list(view.experts),
        state=view.state,
        size=view.size,
        measured=view.measured,
        pinned=view.pinned,
        in_use=view.in_use,
        waiting=view.waiting,
        loads=view.loads,
        idle_seconds=view.idle_seconds,
        share=view.share,
    )
