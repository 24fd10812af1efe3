"""The operations on usage as requests; see :mod:`coe_client.operations`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from coe_client.requests import Request, as_model, path_of
from coe_client.types import Page, RequestContent, UsageRecord, UsageReport

Moment = date | datetime | str
MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def list_usage(
    after: str | None = None,
    limit: int | None = None,
    *,
    expert: str | None = None,
    status: str | None = None,
) -> Request[Page[UsageRecord]]:
    """List what requests of all tenants used."""
    query = {"after": after, "limit": limit, "expert": expert, "status": status}
    return Request(
        "GET", path_of("admin", "api", "usage", query=query), as_model(Page[UsageRecord])
    )


def get_usage(request_id: str) -> Request[UsageRecord]:
    """Get what one request used."""
    return Request("GET", path_of("admin", "api", "usage", request_id), as_model(UsageRecord))


def list_own_usage(
    after: str | None = None, limit: int | None = None, **only: str | None
) -> Request[Page[UsageRecord]]:
    """List what requests of the key's tenant used."""
    path = path_of("v1", "usage", "requests", query={"after": after, "limit": limit, **only})
    return Request("GET", path, as_model(Page[UsageRecord]))


def get_own_usage(request_id: str) -> Request[UsageRecord]:
    """Get what one request of the key's tenant used."""
    return Request("GET", path_of("v1", "usage", "requests", request_id), as_model(UsageRecord))


def get_content(request_id: str) -> Request[RequestContent]:
    """Get what was said in a request."""
    path = path_of("v1", "usage", "requests", request_id, "content")
    return Request("GET", path, as_model(RequestContent))


def report_usage(
    group_by: Sequence[str],
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    after: str | None = None,
    limit: int | None = None,
    **only: str | None,
) -> Request[UsageReport]:
    """Sum up usage by group."""
    query = {**_period(start, end), **only, "after": after, "limit": limit}
    path = path_of("v1", "usage", query={"group_by": ",".join(group_by), **query})
    return Request("GET", path, as_model(UsageReport))


def report_file(
    group_by: Sequence[str],
    form: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    **only: str | None,
) -> Request[bytes]:
    """Sum up usage by group, as a file."""
    query = {"group_by": ",".join(group_by), "format": form, **_period(start, end), **only}
    return _file(path_of("v1", "usage", query=query), form)


def export_usage(
    form: str, *, start: Moment | None = None, end: Moment | None = None, **only: str | None
) -> Request[bytes]:
    """Get the records of a period as a file."""
    query = {"format": form, **_period(start, end), **only}
    return _file(path_of("v1", "usage", "export", query=query), form)


def _file(path: str, form: str) -> Request[bytes]:
    kind = MEDIA_TYPES.get(form, "application/octet-stream")
    return Request("GET", path, lambda answer: answer.body, content_type=kind)


def _period(start: Moment | None, end: Moment | None) -> dict[str, Any]:
    return {"start": _written(start, "start"), "end": _written(end, "end")}


def _written(moment: Moment | None, name: str) -> str | None:
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError(f"{name} needs a time zone")
    return moment.isoformat() if isinstance(moment, date) else moment
