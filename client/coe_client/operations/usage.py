"""What requests used, and what was said in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from coe_client.operations.moments import Moment, written
from coe_client.requests import Query, Request, admin, as_bytes, as_model, v1
from coe_client.types import (
    Page,
    RequestContent,
    RequestDetail,
    UsageDetail,
    UsageFilter,
    UsagePage,
    UsageRecord,
    UsageReport,
    UsageSearch,
)

MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def list_usage(
    after: str | None = None,
    limit: int | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    **only: Unpack[UsageSearch],
) -> Request[Page[UsageRecord]]:
    """List requests of all tenants."""
    path = admin("usage", after=after, limit=limit, **_between(since, until), **only)
    return Request("GET", path, as_model(UsagePage))


def usage_page(
    after: str | None = None,
    limit: int | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    **only: Unpack[UsageSearch],
) -> Request[UsagePage]:
    """List a page of them."""
    path = admin("usage", after=after, limit=limit, **_between(since, until), **only)
    return Request("GET", path, as_model(UsagePage))


def export_list(
    form: str,
    since: Moment | None = None,
    until: Moment | None = None,
    **only: Unpack[UsageSearch],
) -> Request[bytes]:
    """Get all of them as a file."""
    path = admin("usage", "export", format=form, **_between(since, until), **only)
    return _file(path, form)


def get_usage(request_id: str) -> Request[RequestDetail]:
    """Get all that is on record of one request."""
    return Request("GET", admin("usage", request_id), as_model(RequestDetail))


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
    return {"start": written(start, "start"), "end": written(end, "end")}


def _between(since: Moment | None, until: Moment | None) -> dict[str, Query]:
    return {"since": written(since, "since"), "until": written(until, "until")}
