"""Files and batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coe_client.requests import Answer, Request, as_bytes, as_model, given, parse, v1
from coe_client.types import (
    Batch,
    BatchEstimate,
    File,
    FileDeleted,
    Page,
    WireModel,
)
from coe_client.uploads import Progress, Upload

CHAT = "/v1/chat/completions"
BYTES = "application/octet-stream"


class _BatchList(WireModel):
    data: list[Batch]
    has_more: bool
    last_id: str | None = None


class _FileList(WireModel):
    data: list[File]
    has_more: bool
    last_id: str | None = None


def upload_file(
    source: Path | bytes, *, name: str, purpose: str, progress: Progress | None
) -> Request[File]:
    """Upload a file; sent once, since doing it twice makes two."""
    upload = Upload(source, purpose, name, progress)
    return Request("POST", v1("files"), as_model(File), body=upload, repeatable=False)


def list_files(
    after: str | None, limit: int | None, *, purpose: str | None, order: str | None
) -> Request[Page[File]]:
    """List files."""

    def read(answer: Answer) -> Page[File]:
        found = parse(_FileList, answer.body, request_id=answer.request_id)
        return Page[File](data=found.data, has_more=found.has_more, next=found.last_id)

    path = v1("files", after=after, limit=limit, purpose=purpose, order=order)
    return Request("GET", path, read)


def get_file(file_id: str) -> Request[File]:
    """Get a file's record."""
    return Request("GET", v1("files", file_id), as_model(File))


def delete_file(file_id: str) -> Request[FileDeleted]:
    """Delete a file."""
    path = v1("files", file_id)
    return Request("DELETE", path, as_model(FileDeleted), repeatable=False)


def get_file_content(file_id: str) -> Request[bytes]:
    """Get what is in a file."""
    return Request("GET", v1("files", file_id, "content"), as_bytes, content_type=BYTES)


def batch_lines(requests: Mapping[str, Mapping[str, Any]], endpoint: str) -> bytes:
    """Return the requests of a batch as its input file.

    Args:
        requests: Bodies of requests by ids of your own.
        endpoint: That all of them are for.
    """
    lines = (
        {"custom_id": custom_id, "method": "POST", "url": endpoint, "body": body}
        for custom_id, body in requests.items()
    )
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def create_batch(
    input_file_id: str,
    *,
    endpoint: str,
    completion_window: str,
    metadata: Mapping[str, str] | None,
    priority: int | None,
    webhook: str | None,
) -> Request[Batch]:
    """Make a batch."""
    body = {
        "input_file_id": input_file_id,
        "endpoint": endpoint,
        "completion_window": completion_window,
        "metadata": None if metadata is None else dict(metadata),
        "coe": given(priority=priority, webhook=webhook),
    }
    return Request("POST", v1("batches"), as_model(Batch), body=body, repeatable=False)


def estimate_batch(input_file_id: str, endpoint: str) -> Request[BatchEstimate]:
    """Estimate what a batch will cost."""
    body = {"input_file_id": input_file_id, "endpoint": endpoint}
    return Request("POST", v1("batches", "estimate"), as_model(BatchEstimate), body=body)


def list_batches(after: str | None, limit: int | None) -> Request[Page[Batch]]:
    """List batches."""

    def read(answer: Answer) -> Page[Batch]:
        found = parse(_BatchList, answer.body, request_id=answer.request_id)
        return Page[Batch](data=found.data, has_more=found.has_more, next=found.last_id)

    return Request("GET", v1("batches", after=after, limit=limit), read)


def get_batch(batch_id: str) -> Request[Batch]:
    """Get a batch."""
    return Request("GET", v1("batches", batch_id), as_model(Batch))


def cancel_batch(batch_id: str) -> Request[Batch]:
    """Cancel a batch."""
    path = v1("batches", batch_id, "cancel")
    return Request("POST", path, as_model(Batch), repeatable=False)
