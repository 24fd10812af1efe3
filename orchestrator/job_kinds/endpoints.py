"""``POST /admin/api/jobs``: jobs that operators start, and the files that they make."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request
from fastapi.responses import StreamingResponse

from orchestrator.job_kinds.schemas import JobWanted
from orchestrator.job_kinds.service import JobStarter
from orchestrator.jobs.endpoints import PATH, JobPath, known, translated
from orchestrator.jobs.schemas import JobView
from orchestrator.kit.pages import errors
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}


def _starter(request: Request) -> JobStarter:
    starter: JobStarter = request.app.state.services.starter
    return starter


Starter = Annotated[JobStarter, Depends(_starter)]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Name = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]

router = APIRouter(prefix=PATH, tags=["jobs"], responses=errors(400, 401, 403, 503))


@router.post("", status_code=202, responses=errors(404))
async def start_job(
    wanted: Annotated[JobWanted, Body()], starter: Starter, principal: Editor
) -> JobView:
    """Start a job; a worker does it."""
    with translated():
        return JobView.of(await starter.start(principal, wanted))


@router.get(
    "/{job_id}/files/{name}",
    response_class=StreamingResponse,
    dependencies=[Depends(require_role(Role.VIEWER))],
    responses=errors(404) | _BYTES,
)
async def get_job_file(job_id: JobPath, name: Name, starter: Starter) -> StreamingResponse:
    """Return a file that a job has made, by its name in the job's `result`."""
    with translated():
        content = await starter.made(known(job_id), name)
    return StreamingResponse(
        content, media_type="application/octet-stream", headers={"cache-control": "no-store"}
    )
