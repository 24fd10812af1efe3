"""What requests used, and what was said in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Unpack

from coe_client.requests import Query, Request, admin, as_bytes, as_model, v1
from coe_client.types import (
    Page,
    RequestContent,
    UsageDetail,
    UsageFilter,
    UsageRecord,
    UsageReport,
)

Moment = date | datetime | str
"""A day, or a moment with a time zone."""
MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def list_usage(
    after: str | None = None, limit: int | None = None, **only: str | None
) -> Request[Page[UsageRecord]]:
    """List what requests of all tenants used."""
    path = admin("usage", after=after, limit=limit, **only)
    return Request("GET", path, as_model(Page[UsageRecord]))


def get_usage(request_id: str) -> Request[UsageDetail]:
    """Get what one request used."""
    return Request("GET", admin("usage", request_id), as_model(UsageDetail))


def list_own_usage(
    after: str | None = None, limit: int | None = None, **only: str | None
) -> Request[Page[UsageRecord]]:
    """List what requests of the key's tenant used."""
    path = v1("usage", "requests", after=after, limit=limit, **only)
    return Request("GET", path, as_model(Page[UsageRecord]))


def get_own_usage(request_id: str) -> Request[UsageDetail]:
    """Get what one request of the key's tenant used."""
    return Request("GET", v1("usage", "requests", request_id), as_model(UsageDetail))


def get_content(request_id: str) -> Request[RequestContent]:
    """Get what was said in a request."""
    path = v1("usage", "requests", request_id, "content")
    return Request("GET", path, as_model(RequestContent))


def report_usage(
    group_by: Sequence[str],
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    after: str | None = None,
    limit: int | None = None,
    **only: Unpack[UsageFilter],
) -> Request[UsageReport]:
    """Sum up usage by group."""
    path = v1(
        "usage",
        group_by=",".join(group_by),
        **_period(start, end),
        after=after,
        limit=limit,
        **only,
    )
    return Request("GET", path, as_model(UsageReport))


def report_file(
    group_by: Sequence[str],
    form: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    **only: Unpack[UsageFilter],
) -> Request[bytes]:
    """Sum up usage by group, as a file."""
    path = v1("usage", group_by=",".join(group_by), format=form, **_period(start, end), **only)
    return _file(path, form)


def export_usage(
    form: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    **only: Unpack[UsageFilter],
) -> Request[bytes]:
    """Get the records of a period as a file."""
    return _file(v1("usage", "export", format=form, **_period(start, end), **only), form)


def _file(path: str, form: str) -> Request[bytes]:
    kind = MEDIA_TYPES.get(form, "application/octet-stream")
    return Request("GET", path, as_bytes, content_type=kind)


def _period(start: Moment | None, end: Moment | None) -> dict[str, Query]:
    return {"start": _written(start, "start"), "end": _written(end, "end")}


def _written(moment: Moment | None, name: str) -> str | None:
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError(f"{name} needs a time zone")
    return moment.isoformat() if isinstance(moment, date) else moment
