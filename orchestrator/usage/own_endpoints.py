"""``/v1/usage``: what a tenant has used, by its own key; of all tenants, for who may see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role
from orchestrator.usage import reports, repository
from orchestrator.usage.content import repository as contents
from orchestrator.usage.files import MEDIA_TYPES, Format, ParquetMissing, Writer, writer_of
from orchestrator.usage.questions import (
    ExportQuery,
    ListQuery,
    ReportQuery,
    cursor_of,
    format_of,
    only_of,
    place_of,
    question_of,
)
from orchestrator.usage.reports import SUMS, Question
from orchestrator.usage.schemas import (
    MADE,
    RequestContent,
    UsageDetail,
    UsageGroup,
    UsageReport,
    UsageSums,
    UsageView,
)

PATH = "/v1/usage"
EXPORTED = [name for name in UsageView.model_fields if name not in MADE]
COLUMNS = [*EXPORTED, "cost_nanos"]
_MOST_GROUPS = 100_000
_ROWS_AT_ONCE = 2_000
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for form, kind in MEDIA_TYPES.items() if form != "json"}}
}

router = APIRouter(prefix=PATH, tags=["usage"], responses=errors(400, 401, 403, 503))
User = Annotated[Principal, Depends(require_role(Role.USER))]


@router.get("", response_model=UsageReport, responses=FILES)
async def report_usage(
    request: Request, principal: User, query: Annotated[ReportQuery, Query()]
) -> Response:
    """Sum up a period by group: of your tenant, or of `tenant` (`*`: all) with the role viewer.

    Where `expert` is grouped by or selected, a request counts for each expert it called.
    """
    question = question_of(principal, query)
    form = format_of(query.format, request.headers.get("accept", ""), "json")
    engine = request.app.state.services.engine
    if form != "json":
        return await _report_file(engine, question, form)
    place = place_of(query.after, len(question.by))
    with registry_reached():
        async with _steady(engine) as connection:
            limit = query.limit + 1
            rows = await reports.groups(connection, question, limit=limit, after=place)
            totals = await reports.totals(connection, question)
    report = _report(question, rows, totals, query.limit)
    return Response(report.model_dump_json(), media_type=MEDIA_TYPES["json"])


@router.get("/export", response_class=Response, responses=FILES)
async def export_usage(
    request: Request, principal: User, query: Annotated[ExportQuery, Query()]
) -> Response:
    """Stream the records of a period, oldest first, as CSV, JSON lines or Parquet."""
    question = question_of(principal, query)
    form = format_of(query.format, request.headers.get("accept", ""), "csv")
    writer = _writer(form, COLUMNS)
    engine = request.app.state.services.engine
    with registry_reached():  # while it can still be a status
        first = await _exported(engine, question, None)
    pieces = _pieces(engine, question, writer, first)
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=_named(form))


@router.get("/requests")
async def list_own_usage(
    request: Request, principal: User, query: Annotated[ListQuery, Query()]
) -> Page[UsageView]:
    """List the records of your tenant, newest first."""
    only = only_of(principal, query)
    with registry_reached():
        async with request.app.state.services.engine.connect() as connection:
            try:
                rows = await repository.list_rows(
                    connection, limit=query.limit + 1, after=query.after, **only
                )
            except ValueError as error:
                raise ApiError(400, "invalid_request", str(error), param="after") from error
    return page([UsageView.of(row) for row in rows], query.limit, lambda row: row.request_id)


@router.get("/requests/{request_id}", responses=errors(404))
async def get_own_usage(request: Request, principal: User, request_id: str) -> UsageDetail:
    """Show one record of your tenant with its routing decision and its calls of experts."""
    row = None
    with registry_reached():
        async with request.app.state.services.engine.connect() as connection:
            try:
                row = await repository.get_row(connection, request_id)
            except (ValueError, OverflowError):
                row = None
    if row is None or not _may_see(principal, row["tenant"], Role.VIEWER):
        raise _unknown("There is no usage record of this request (yet).")
    return UsageDetail.of(row)


@router.get("/requests/{request_id}/content", responses=errors(404))
async def get_content(request: Request, principal: User, request_id: str) -> RequestContent:
    """Show what was said in a request of your tenant, where it lets that be stored."""
    found = None
    if request_id.isascii() and request_id.isprintable():
        with registry_reached():
            async with request.app.state.services.engine.connect() as connection:
                found = await contents.get(connection, request_id)
    if found is None or not _may_see(principal, found["tenant"], Role.ADMIN):
        raise _unknown("Nothing that was said in this request is stored.")
    messages = json.loads(found["prompt"])
    return RequestContent(request_id=request_id, messages=messages, answer=found["answer"])


def _may_see(principal: Principal, tenant: str, role: Role) -> bool:
    return tenant == principal.tenant or principal.role.includes(role)


def _unknown(message: str) -> ApiError:
    return ApiError(404, "not_found", message, param="request_id")


def _steady(engine: AsyncEngine) -> Any:
    """Return a connection on which several queries see the same rows."""
    return engine.execution_options(isolation_level="REPEATABLE READ").connect()


def _report(
    question: Question, rows: list[dict[str, Any]], totals: dict[str, Any], limit: int
) -> UsageReport:
    shown = rows[:limit]
    more = len(rows) > limit
    return UsageReport(
        start=question.period.start,
        end=question.period.end,
        group_by=list(question.by),
        data=[
            UsageGroup(group={name: row[name] or None for name in question.by}, **_sums(row))
            for row in shown
        ],
        totals=UsageSums(**_sums(totals)),
        has_more=more,
        next=cursor_of([shown[-1][name] for name in question.by]) if more else None,
    )


def _sums(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in SUMS}, "cost_usd": row["cost_nanos"] / 1e9}


def _named(form: Format) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="usage.{form}"'}


def _writer(form: Format, columns: list[str]) -> Writer:
    try:
        return writer_of(form, columns)
    except ParquetMissing as error:
        raise ApiError(400, "format_unavailable", f"{error}.", param="format") from error


async def _report_file(engine: AsyncEngine, question: Question, form: Format) -> Response:
    writer = _writer(form, [*question.by, *SUMS])
    with registry_reached():
        async with engine.connect() as connection:
            rows = await reports.groups(connection, question, limit=_MOST_GROUPS + 1)
    if len(rows) > _MOST_GROUPS:
        message = f"More than {_MOST_GROUPS} groups: ask for a shorter period, or fewer dimensions."
        raise ApiError(400, "invalid_request", message, param="group_by")
    body = await asyncio.to_thread(lambda: writer.rows(rows) + writer.end())
    return Response(body, media_type=MEDIA_TYPES[form], headers=_named(form))


async def _exported(
    engine: AsyncEngine, question: Question, after: str | None
) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        return await repository.exported_rows(
            connection, question, limit=_ROWS_AT_ONCE, after=after
        )


async def _pieces(
    engine: AsyncEngine, question: Question, writer: Writer, rows: list[dict[str, Any]]
) -> AsyncIterator[bytes]:
    """Yield a file of all rows; each page of them is read when the one before has been sent.

    A Postgres that goes away in the middle breaks the answer off: half a file is not an export.
    """
    while rows:
        yield await asyncio.to_thread(writer.rows, rows)
        full = len(rows) == _ROWS_AT_ONCE
        rows = await _exported(engine, question, rows[-1]["request_id"]) if full else []
    yield await asyncio.to_thread(writer.end)
