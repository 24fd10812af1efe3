"""``/admin/api/usage``: what was asked, where it went, what it cost; searched by operators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role
from orchestrator.usage import listing
from orchestrator.usage.files import MEDIA_TYPES, ParquetMissing, Writer, writer_of
from orchestrator.usage.listing import TakesTooLong, Wanted
from orchestrator.usage.own_endpoints import COLUMNS, FILES
from orchestrator.usage.schemas import UsagePage, UsageView
from orchestrator.usage.searching import SearchExportQuery, SearchPageQuery, refuse

_ROWS_AT_ONCE = 2_000
_TOO_LONG = "too many requests would have to be looked through: ask for a shorter time"

router = APIRouter(
    prefix="/admin/api/usage",
    tags=["usage"],
    dependencies=[Depends(require_role(Role.VIEWER))],
    responses=errors(400, 401, 403, 503),
)


@router.get("")
async def list_usage(request: Request, query: Annotated[SearchPageQuery, Query()]) -> UsagePage:
    """List requests of all tenants, and tell how many there are."""
    wanted = query.wanted()
    with registry_reached():
        async with request.app.state.services.engine.connect() as connection:
            try:
                rows = await listing.page(
                    connection, wanted, limit=query.limit + 1, after=query.after
                )
            except ValueError:
                refuse("after", "after: not a place in this list")
            except TakesTooLong:
                refuse("since", f"since: {_TOO_LONG}")
            total, exact = await listing.total(connection, wanted, datetime.now(UTC))
    more = len(rows) > query.limit
    shown = rows[: query.limit]
    return UsagePage(
        data=[UsageView.of(row) for row in shown],
        has_more=more,
        next=listing.place_of(shown[-1], query.sort) if more else None,
        total=total,
        total_exact=exact,
    )


@router.get("/export", response_class=Response, responses=FILES)
async def export_list(
    request: Request, query: Annotated[SearchExportQuery, Query()]
) -> StreamingResponse:
    """Stream the same requests in the same order as CSV, JSON lines or Parquet."""
    wanted = query.wanted()
    try:
        writer = writer_of(query.format, COLUMNS)
    except ParquetMissing as error:
        raise ApiError(400, "format_unavailable", f"{error}.", param="format") from error
    engine = request.app.state.services.engine
    with registry_reached():  # while it can still be a status
        try:
            first = await _rows(engine, wanted, None)
        except TakesTooLong:
            refuse("since", f"since: {_TOO_LONG}")
    named = {"content-disposition": f'attachment; filename="requests.{query.format}"'}
    pieces = _pieces(engine, wanted, writer, first)
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[query.format], headers=named)


async def _rows(engine: AsyncEngine, wanted: Wanted, after: str | None) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        return await listing.page(connection, wanted, limit=_ROWS_AT_ONCE, after=after)


async def _pieces(
    engine: AsyncEngine, wanted: Wanted, writer: Writer, rows: list[dict[str, Any]]
) -> AsyncIterator[bytes]:
    """Yield a file of all rows; each page of them is read when the one before has been sent.

    A Postgres that goes away in the middle breaks the answer off: half a file is not an export.
    """
    while rows:
        yield await asyncio.to_thread(writer.rows, rows)
        full = len(rows) == _ROWS_AT_ONCE
        place = listing.place_of(rows[-1], wanted.sort)
        rows = await _rows(engine, wanted, place) if full else []
    yield await asyncio.to_thread(writer.end)
