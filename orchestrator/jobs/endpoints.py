"""``/admin/api/jobs``: jobs of all tenants, for operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from orchestrator.jobs.listing import NEWEST, Sort, Wanted
from orchestrator.jobs.record import JobState
from orchestrator.jobs.schemas import (
    JOB_ID,
    FailureCount,
    JobDetail,
    JobView,
    RequeueDone,
    RequeueWanted,
    ScheduledTask,
    ScheduleView,
)
from orchestrator.jobs.service import JobEnded, JobNotEnded, JobService, JobUnknown, TaskUnknown
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.kit.searching import Searched
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

PATH = "/admin/api/jobs"


def _jobs(request: Request) -> JobService:
    service: JobService = request.app.state.services.jobs
    return service


Service = Annotated[JobService, Depends(_jobs)]
JobPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{JOB_ID.pattern}$"})]

router = APIRouter(prefix=PATH, tags=["jobs"], responses=errors(400, 401, 403, 503))


@router.get("", dependencies=[Depends(require_role(Role.VIEWER))])
async def list_jobs(
    service: Service,
    limit: Limit = 50,
    after: After = None,
    q: Searched = None,
    kind: Annotated[str | None, Query(max_length=32)] = None,
    state: Annotated[JobState | None, Query()] = None,
    tenant: Annotated[str | None, Query(max_length=64)] = None,
    sort: Annotated[
        Sort,
        Query(
            description="What comes first; with a `-` the latest, dearest, largest, those with the "
            "most failed items."
        ),
    ] = NEWEST,
) -> Page[JobView]:
    """List jobs, the newest first."""
    if after is not None and not JOB_ID.fullmatch(after):
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    with translated():
        wanted = Wanted(q, kind, state, tenant, sort)
        rows = await service.page(wanted, limit=limit + 1, after=after)
    return page([JobView.of(row) for row in rows], limit, lambda job: job.id)


@router.get("/schedule", dependencies=[Depends(require_role(Role.VIEWER))])
async def get_schedule(service: Service) -> ScheduleView:
    """Show what is done every so often, when it was last, and how that went."""
    with translated():
        rows = await service.scheduled()
    return ScheduleView(data=[ScheduledTask(**row) for row in rows])


@router.post(
    "/schedule/{name}/run",
    status_code=202,
    dependencies=[Depends(require_role(Role.EDITOR))],
    responses=errors(404),
)
async def run_scheduled_task(
    name: Annotated[str, Path(max_length=64, pattern=r"^[a-z._-]+$")], service: Service
) -> ScheduledTask:
    """Have a task done within seconds, whenever it would be due."""
    with translated():
        return ScheduledTask(**await service.want(name))


@router.get("/{job_id}", dependencies=[Depends(require_role(Role.VIEWER))], responses=errors(404))
async def get_job(job_id: JobPath, service: Service) -> JobDetail:
    """Show a job, and why items of it failed."""
    with translated():
        row = await service.get(known(job_id), None)
        failures = [FailureCount(**each) for each in await service.failures(job_id)]
    return JobDetail(**JobView.of(row).model_dump(), failures=failures)


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    dependencies=[Depends(require_role(Role.EDITOR))],
    responses=errors(404, 409),
)
async def cancel_job(job_id: JobPath, service: Service) -> JobView:
    """Cancel a job: what is under way ends, nothing more is begun."""
    with translated():
        return JobView.of(await service.cancel(known(job_id), None))


@router.post(
    "/{job_id}/requeue",
    status_code=202,
    dependencies=[Depends(require_role(Role.EDITOR))],
    responses=errors(404, 409),
)
async def requeue_job(job_id: JobPath, body: RequeueWanted, service: Service) -> RequeueDone:
    """Have the failed items of an ended job tried again."""
    with translated():
        count, row = await service.requeue(
            known(job_id), None, code=body.error_code, dropped=body.dropped
        )
    return RequeueDone(requeued=count, job=JobView.of(row))


def known(job_id: str) -> str:
    """Return the id if there can be such a job.

    Raises:
        JobUnknown: If there cannot.
    """
    if not JOB_ID.fullmatch(job_id):
        raise JobUnknown(job_id)
    return job_id


@contextmanager
def translated() -> Iterator[None]:
    """Say what goes wrong with jobs in HTTP.

    Raises:
        ApiError: 404, 409, or 503 where the registry is away.
    """
    try:
        with registry_reached():
            yield
    except JobUnknown as error:
        raise ApiError(404, "job_not_found", "There is no such job.", param="job_id") from error
    except TaskUnknown as error:
        raise ApiError(404, "not_found", "There is no such task.", param="name") from error
    except JobEnded as error:
        raise ApiError(409, "job_ended", f"The job is {error} already.") from error
    except JobNotEnded as error:
        raise ApiError(
            409, "job_not_ended", f"The job is {error}: only what has ended can be done again."
        ) from error
