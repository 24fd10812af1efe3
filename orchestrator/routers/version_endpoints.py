"""``/admin/api/routers``: router versions and their life."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.routers.lifecycle import BUILT_IN, RouterVersions
from orchestrator.routers.loading import categories_of
from orchestrator.routers.report import report_page
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.schemas import (
    ComparisonView,
    InfeasibleView,
    RouterVersionDetail,
    RouterVersionView,
    ShareRequest,
    infeasible_views,
)
from orchestrator.routers.translation import translated
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role
from router import Router

UPLOAD_PATH = "/admin/api/routers"
"""Where a body may be as large as an artefact."""

_BINARY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_HTML: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
        },
    }
}
_ALREADY: dict[int | str, dict[str, Any]] = {
    200: {"model": RouterVersionView, "description": "It was stored already."}
}
_NO_ACTIVE_CONTENT = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "x-content-type-options": "nosniff",
}


def _versions(request: Request) -> RouterVersions:
    service: RouterVersions = request.app.state.services.routers
    return service


Service = Annotated[RouterVersions, Depends(_versions)]
Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
# The pattern is for readers of the schema: an id that could not exist is a plain 404.
VersionPath = Annotated[
    str, Path(json_schema_extra={"pattern": f"^(rv_[0-9a-f]{{32}}|{BUILT_IN})$"})
]
Note = Annotated[
    str,
    Query(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$", description="What it is, for people."),
]

router = APIRouter(prefix=UPLOAD_PATH, tags=["router"], responses=errors(400, 401, 403, 503))


@router.get("")
async def list_router_versions(
    service: Service, _: Viewer, limit: Limit = 50, after: After = None
) -> Page[RouterVersionView]:
    """List router versions, the newest first, and last the one that is built in."""
    with translated():
        rows: list[RouterVersionView] = []
        if after != BUILT_IN:
            stored = await service.page(limit=limit + 1, after=_place(after))
            rows = [RouterVersionView.of(one) for one in stored]
            if len(rows) <= limit:
                rows.append(built_in_view(service.built_in, await service.active_id()))
    return page(rows, limit, lambda row: row.id)


@router.post("", status_code=201, openapi_extra=_BINARY, responses={**errors(413), **_ALREADY})
async def import_router_version(
    request: Request, response: Response, service: Service, principal: Editor, note: Note = ""
) -> RouterVersionView:
    """Store an artefact as a candidate. What is stored already is answered with 200."""
    with translated():
        data = await request.body()
        stored, new = await service.add(data, by=_name(principal), note=note)
    if not new:
        response.status_code = 200
    return RouterVersionView.of(stored)


@router.post("/rollback", responses=errors(409))
async def roll_back_router(service: Service, principal: Admin) -> RouterVersionView:
    """Let the version that was active before decide again, on every replica within a second."""
    with translated():
        return _view(service, await service.rollback(by=_name(principal)))


@router.get("/{version_id}", responses=errors(404))
async def get_router_version(
    request: Request, version_id: VersionPath, service: Service, _: Viewer
) -> RouterVersionDetail:
    """Show a version with its categories and scores, and which of its experts are missing."""
    infeasible = _infeasible(request, version_id)
    with translated():
        if version_id == BUILT_IN:
            view = built_in_view(service.built_in, await service.active_id())
            categories = categories_of(service.built_in)
            return RouterVersionDetail(
                **view.model_dump(),
                categories=categories,
                scores={},
                missing_experts=[],
                infeasible=infeasible,
            )
        stored = await service.get(_known(version_id))
        categories, scores, missing = await service.details(stored.id)
    return RouterVersionDetail(
        **RouterVersionView.of(stored).model_dump(),
        categories=categories,
        scores=scores,
        missing_experts=list(missing),
        infeasible=infeasible,
    )


@router.get("/{version_id}/report", responses={**errors(404), **_HTML})
async def get_router_report(
    version_id: VersionPath,
    service: Service,
    _: Viewer,
    format: Literal["json", "html"] = "json",  # noqa: A002 (its name in the address)
) -> Response:
    """Return the evaluation report a version came with, as data or as a page."""
    with translated():
        stored = await service.get(_known(version_id))
        report = await service.report(stored.id)
    if format == "html":
        page_text = await asyncio.to_thread(report_page, stored.version, report)
        return Response(page_text, media_type="text/html", headers=_NO_ACTIVE_CONTENT)
    return JSONResponse(report)


@router.get("/{version_id}/comparison", responses=errors(404))
async def compare_router_version(
    version_id: VersionPath, service: Service, _: Viewer
) -> ComparisonView:
    """Sum up what a shadow decided beside the live decisions."""
    with translated():
        return ComparisonView.of(await service.comparison(_known(version_id)))


@router.post("/{version_id}/promote", responses=errors(404, 409))
async def promote_router_version(
    version_id: VersionPath, service: Service, principal: Admin
) -> RouterVersionView:
    """Let a version decide, on every replica within a second. The one before it is retired."""
    with translated():
        return _view(service, await service.promote(_known(version_id), by=_name(principal)))


@router.post("/{version_id}/shadow", responses=errors(404, 409))
async def shadow_router_version(
    version_id: VersionPath, body: ShareRequest, service: Service, principal: Editor
) -> RouterVersionView:
    """Let a version decide beside the live ones, noted and never used."""
    with translated():
        by = _name(principal)
        return RouterVersionView.of(await service.shadow(_known(version_id), body.share, by=by))


@router.post("/{version_id}/canary", responses=errors(404, 409))
async def canary_router_version(
    version_id: VersionPath, body: ShareRequest, service: Service, principal: Admin
) -> RouterVersionView:
    """Let a version decide for a share of the sessions and requests."""
    with translated():
        by = _name(principal)
        return RouterVersionView.of(await service.canary(_known(version_id), body.share, by=by))


@router.post("/{version_id}/retire", responses=errors(404, 409))
async def retire_router_version(
    version_id: VersionPath, service: Service, principal: Admin
) -> RouterVersionView:
    """Take a version out of use. It is kept, and can be promoted again."""
    with translated():
        return RouterVersionView.of(await service.retire(_known(version_id), by=_name(principal)))


def _infeasible(request: Request, version_id: str) -> dict[str, InfeasibleView] | None:
    """Return which budgets a version cannot keep over the present catalogue, if it decides here."""
    services = request.app.state.services
    plan = services.router.plan
    for deployed in (plan.active, plan.canary, plan.shadow):
        if deployed is not None and (deployed.version_id or BUILT_IN) == version_id:
            return infeasible_views(deployed.pool(services.catalogue.current))
    return None


def _view(service: RouterVersions, stored: StoredVersion | None) -> RouterVersionView:
    return (
        built_in_view(service.built_in, BUILT_IN)
        if stored is None
        else RouterVersionView.of(stored)
    )


def built_in_view(router_: Router, active_id: str) -> RouterVersionView:
    """Return the view of the version that comes with the package.

    Args:
        router_: The router.
        active_id: Id of the version that is active.
    """
    return RouterVersionView(
        id=BUILT_IN,
        version=router_.version,
        status="active" if active_id == BUILT_IN else "candidate",
        share=None,
        built_in=True,
        content_hash=None,
        size=None,
        embedder=router_.embedder.id,
        experts=[],
        policies=list(router_.policies),
        note="Comes with the package.",
        created_at=None,
        created_by=None,
        status_changed_at=None,
        status_changed_by=None,
    )


def _known(version_id: str) -> str:
    """Return an id that Postgres can be asked for: text it cannot hold names no version."""
    return version_id if version_id.isprintable() and version_id.isascii() else "?"


def _place(after: str | None) -> str | None:
    if after is not None and _known(after) != after:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    return after


def _name(principal: Principal) -> str:
    return f"{principal.name[:120]} ({principal.key_id})"
