"""The operations on files, batches and jobs as requests; see :mod:`coe_client.operations`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coe_client.requests import Answer, Request, as_model, parse, path_of
from coe_client.types.base import WireModel
from coe_client.types.batches import (
    Batch,
    BatchEstimate,
    File,
    FileDeleted,
    Job,
    JobDetail,
    JobRequeued,
)
from coe_client.types.paging import Page
from coe_client.uploads import Upload

CHAT = "/v1/chat/completions"


class _BatchList(WireModel):
    data: list[Batch]
    has_more: bool
    last_id: str | None = None


class _FileList(WireModel):
    data: list[File]
    has_more: bool
    last_id: str | None = None


def upload_file(path: Path, purpose: str) -> Request[File]:
    """Upload a file; sent once, since doing it twice makes two."""
    upload = Upload(path, purpose)
    return Request("POST", "/v1/files", as_model(File), body=upload, repeatable=False)


def list_files(after: str | None = None, limit: int | None = None) -> Request[Page[File]]:
    """List files."""

    def read(answer: Answer) -> Page[File]:
        found = parse(_FileList, answer.body, request_id=answer.request_id)
        return Page[File](data=found.data, has_more=found.has_more, next=found.last_id)

    path = path_of("v1", "files", query={"after": after, "limit": limit})
    return Request("GET", path, read)


def get_file(file_id: str) -> Request[File]:
    """Get a file's record."""
    return Request("GET", path_of("v1", "files", file_id), as_model(File))


def delete_file(file_id: str) -> Request[FileDeleted]:
    """Delete a file."""
    return Request("DELETE", path_of("v1", "files", file_id), as_model(FileDeleted))


def get_content(file_id: str) -> Request[bytes]:
    """Get what is in a file."""
    return Request(
        "GET",
        path_of("v1", "files", file_id, "content"),
        lambda answer: answer.body,
        content_type="application/octet-stream",
    )


def create_batch(
    input_file_id: str,
    *,
    endpoint: str,
    completion_window: str,
    metadata: Mapping[str, str] | None,
    **more: Any,
) -> Request[Batch]:
    """Make a batch."""
    body = {
        "input_file_id": input_file_id,
        "endpoint": endpoint,
        "completion_window": completion_window,
        "metadata": None if metadata is None else dict(metadata),
        "coe": {name: value for name, value in more.items() if value is not None},
    }
    return Request("POST", "/v1/batches", as_model(Batch), body=body, repeatable=False)


def estimate_batch(input_file_id: str, endpoint: str) -> Request[BatchEstimate]:
    """Estimate what a batch will cost."""
    body = {"input_file_id": input_file_id, "endpoint": endpoint}
    return Request("POST", "/v1/batches/estimate", as_model(BatchEstimate), body=body)


def list_batches(after: str | None = None, limit: int | None = None) -> Request[Page[Batch]]:
    """List batches."""

    def read(answer: Answer) -> Page[Batch]:
        found = parse(_BatchList, answer.body, request_id=answer.request_id)
        return Page[Batch](data=found.data, has_more=found.has_more, next=found.last_id)

    path = path_of("v1", "batches", query={"after": after, "limit": limit})
    return Request("GET", path, read)


def get_batch(batch_id: str) -> Request[Batch]:
    """Get a batch."""
    return Request("GET", path_of("v1", "batches", batch_id), as_model(Batch))


def cancel_batch(batch_id: str) -> Request[Batch]:
    """Cancel a batch."""
    path = path_of("v1", "batches", batch_id, "cancel")
    return Request("POST", path, as_model(Batch), repeatable=False)


def list_jobs(
    after: str | None = None,
    limit: int | None = None,
    *,
    kind: str | None = None,
    state: str | None = None,
    tenant: str | None = None,
) -> Request[Page[Job]]:
    """List jobs of all tenants."""
    query = {"after": after, "limit": limit, "kind": kind, "state": state, "tenant": tenant}
    return Request("GET", path_of("admin", "api", "jobs", query=query), as_model(Page[Job]))


def get_job(job_id: str) -> Request[JobDetail]:
    """Get a job."""
    return Request("GET", path_of("admin", "api", "jobs", job_id), as_model(JobDetail))


def cancel_job(job_id: str) -> Request[Job]:
    """Cancel a job."""
    path = path_of("admin", "api", "jobs", job_id, "cancel")
    return Request("POST", path, as_model(Job), repeatable=False)


def requeue_job(job_id: str, *, error_code: str | None, dropped: bool) -> Request[JobRequeued]:
    """Have failed items of a job tried again."""
    path = path_of("admin", "api", "jobs", job_id, "requeue")
    body = {"error_code": error_code, "dropped": dropped}
    return Request("POST", path, as_model(JobRequeued), body=body, repeatable=False)
