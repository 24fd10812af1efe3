"""Jobs, and what is done every so often."""

from __future__ import annotations

from typing import Unpack

from coe_client.requests import Request, admin, as_bytes, as_model, given
from coe_client.types import Job, JobDetail, JobOptions, JobRequeued, Page, Schedule, ScheduledTask


def start_job(kind: str, **options: Unpack[JobOptions]) -> Request[Job]:
    """Start a job. Sent twice it would be two."""
    body = {"kind": kind, **given(**options)}
    return Request("POST", admin("jobs"), as_model(Job), body=body, repeatable=False)


def list_jobs(
    after: str | None,
    limit: int | None,
    *,
    kind: str | None,
    state: str | None,
    tenant: str | None,
    q: str | None,
    sort: str | None,
) -> Request[Page[Job]]:
    """List jobs of all tenants."""
    chosen = {"kind": kind, "state": state, "tenant": tenant, "q": q, "sort": sort}
    path = admin("jobs", after=after, limit=limit, **chosen)
    return Request("GET", path, as_model(Page[Job]))


def get_job(job_id: str) -> Request[JobDetail]:
    """Get a job."""
    return Request("GET", admin("jobs", job_id), as_model(JobDetail))


def cancel_job(job_id: str) -> Request[Job]:
    """Cancel a job."""
    return Request("POST", admin("jobs", job_id, "cancel"), as_model(Job), repeatable=False)


def requeue_job(job_id: str, *, error_code: str | None, dropped: bool) -> Request[JobRequeued]:
    """Have failed items of a job tried again."""
    path = admin("jobs", job_id, "requeue")
    body = {"error_code": error_code, "dropped": dropped}
    return Request("POST", path, as_model(JobRequeued), body=body, repeatable=False)


def get_job_file(job_id: str, name: str) -> Request[bytes]:
    """Get a file that a job made."""
    path = admin("jobs", job_id, "files", name)
    return Request("GET", path, as_bytes, content_type="application/octet-stream")


def get_schedule() -> Request[Schedule]:
    """Get what is done every so often."""
    return Request("GET", admin("jobs", "schedule"), as_model(Schedule))


def run_scheduled_task(name: str) -> Request[ScheduledTask]:
    """Have a task done at once. Asked for again before it has begun, it is done once."""
    return Request("POST", admin("jobs", "schedule", name, "run"), as_model(ScheduledTask))
