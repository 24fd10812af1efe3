"""``/v1/batches``, as OpenAI's clients know it.

Wire: https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from orchestrator.batches.schemas import (
    BATCH_ID,
    BatchList,
    BatchView,
    BatchWanted,
    Estimate,
    Source,
)
from orchestrator.batches.service import BatchService, WebhookUnknown
from orchestrator.files.service import FileUnknown
from orchestrator.jobs.service import JobEnded, JobUnknown
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

PATH = "/v1/batches"


def _batches(request: Request) -> BatchService:
    service: BatchService = request.app.state.services.batches
    return service


Service = Annotated[BatchService, Depends(_batches)]
User = Annotated[Principal, Depends(require_role(Role.USER))]
BatchPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{BATCH_ID.pattern}$"})]

router = APIRouter(prefix=PATH, tags=["batches"], responses=errors(400, 401, 403, 503))


@router.post("")
async def create_batch(body: BatchWanted, service: Service, principal: User) -> BatchView:
    """Have the requests of a file answered. What they say is stored, since that is what it is for."""
    with _translated():
        return BatchView.of(await service.create(principal, body))


@router.post("/estimate")
async def estimate_batch(body: Source, service: Service, principal: User) -> Estimate:
    """Say what the requests of a file are expected to cost, from some of them."""
    with _translated():
        return await service.estimate(principal, body)


@router.get("")
async def list_batches(
    service: Service,
    principal: User,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> BatchList:
    """List the batches of the key's tenant, the newest first; for an admin, everybody's."""
    if after is not None and not BATCH_ID.fullmatch(after):
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    with _translated():
        rows = await service.page(principal, limit=limit + 1, after=after)
    views = [BatchView.of(row) for row in rows[:limit]]
    return BatchList(
        data=views,
        has_more=len(rows) > limit,
        first_id=views[0].id if views else None,
        last_id=views[-1].id if views else None,
    )


@router.get("/{batch_id}", responses=errors(404))
async def get_batch(batch_id: BatchPath, service: Service, principal: User) -> BatchView:
    """Show a batch."""
    with _translated():
        return BatchView.of(await service.get(principal, _known(batch_id)))


@router.post("/{batch_id}/cancel", responses=errors(404, 409))
async def cancel_batch(batch_id: BatchPath, service: Service, principal: User) -> BatchView:
    """Cancel a batch: what is under way ends, nothing more is begun, and what was answered stays."""
    with _translated():
        return BatchView.of(await service.cancel(principal, _known(batch_id)))


def _known(batch_id: str) -> str:
    if not BATCH_ID.fullmatch(batch_id):
        raise JobUnknown(batch_id)
    return batch_id


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with registry_reached():
            yield
    except JobUnknown as error:
        raise ApiError(
            404, "batch_not_found", "You have no such batch.", param="batch_id"
        ) from error
    except JobEnded as error:
        raise ApiError(409, "job_ended", f"The batch is {error} already.") from error
    except FileUnknown as error:
        raise ApiError(
            400, "file_not_found", "You have no such file.", param="input_file_id"
        ) from error
    except WebhookUnknown as error:
        raise ApiError(
            400, "unknown_webhook", "Your tenant has no such webhook.", param="coe.webhook"
        ) from error
