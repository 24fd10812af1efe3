"""``/v1/feedback`` for callers, ``/admin/api/feedback`` for operators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from orchestrator.feedback.schemas import (
    ContentRequest,
    ContentView,
    FeedbackDetail,
    FeedbackRequest,
    FeedbackView,
    Scores,
    ScoreView,
)
from orchestrator.feedback.service import CategoryUnknown, FeedbackService, RequestUnknown
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

PATH = "/v1/feedback"
JSON_LINES = "application/x-ndjson"


def _feedback(request: Request) -> FeedbackService:
    service: FeedbackService = request.app.state.services.feedback
    return service


Service = Annotated[FeedbackService, Depends(_feedback)]
User = Annotated[Principal, Depends(require_role(Role.USER))]
Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
TenantPath = Annotated[str, Path(json_schema_extra={"pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"})]

Days = Annotated[int, Query(ge=1, le=3650, description="Requests of how many days.")]
_JSON_LINES: dict[int | str, dict[str, Any]] = {
    200: {"description": "One prompt a line.", "content": {JSON_LINES: {}}}
}

router = APIRouter(tags=["feedback"], responses=errors(400, 401, 403, 503))
admin_router = APIRouter(
    prefix="/admin/api/feedback", tags=["feedback"], responses=errors(400, 401, 403, 503)
)


@router.post(PATH, responses=errors(404))
async def give_feedback(
    body: FeedbackRequest, request: Request, service: Service, principal: User
) -> FeedbackView:
    """Say what an answer was worth. Said again by the same key, it replaces what was said."""
    categories = request.app.state.services.router.router.taxonomy.ids
    with registry_reached():
        try:
            row = await service.give(principal, body.opinion(), categories)
        except RequestUnknown as error:
            raise ApiError(
                404,
                "request_not_found",
                "Your tenant has made no such request (yet): see x-coe-request-id of its answer.",
                param=error.field,
            ) from error
        except CategoryUnknown as error:
            raise ApiError(
                400,
                "unknown_category",
                f"The router knows no category {str(error)!r}. It knows: {', '.join(categories)}.",
                param="corrected_category",
            ) from error
    return FeedbackView.of(row)


@admin_router.get("")
async def list_feedback(
    service: Service, _: Viewer, limit: Limit = 50, after: After = None
) -> Page[FeedbackDetail]:
    """List feedback, the newest first."""
    if after is not None and not (after.isascii() and after.isprintable()):
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    with registry_reached():
        rows = await service.page(limit=limit + 1, after=after)
    return page([FeedbackDetail.of(row) for row in rows], limit, lambda row: row.id)


@admin_router.get("/scores")
async def list_feedback_scores(service: Service, _: Viewer) -> Scores:
    """List the candidate scores that feedback came to when they were last computed."""
    with registry_reached():
        return Scores(data=[ScoreView.model_validate(row) for row in await service.scores()])


@admin_router.post("/scores")
async def compute_feedback_scores(service: Service, _: Editor, days: Days = 90) -> Scores:
    """Compute the candidate scores anew. What decides does not change."""
    with registry_reached():
        rows = await service.compute_scores(days=days)
    return Scores(data=[ScoreView.model_validate(row) for row in rows])


@admin_router.get("/export", response_class=Response, responses=_JSON_LINES)
async def export_feedback(service: Service, _: Editor, days: Days = 90) -> Response:
    """Return prompts with categories and scores as JSON lines, as `coe router train` reads them."""
    with registry_reached():
        lines = await service.dataset(days=days)
    return Response(lines, media_type=JSON_LINES)


@admin_router.get("/content/{tenant}", responses=errors(404))
async def get_content_choice(tenant: TenantPath, service: Service, _: Viewer) -> ContentView:
    """Tell what is stored of what a tenant's callers and experts say."""
    with registry_reached():
        choice = await service.content_choice(_storable(tenant))
    if choice is None:
        raise _unknown_tenant()
    return ContentView.of(choice)


@admin_router.put("/content/{tenant}", responses=errors(404))
async def set_content_choice(
    tenant: TenantPath, body: ContentRequest, service: Service, _: Admin
) -> ContentView:
    """Choose what is stored from now on. What is not to be stored any more is erased."""
    with registry_reached():
        known = await service.choose_content(_storable(tenant), body.choice())
    if not known:
        raise _unknown_tenant()
    return ContentView.of(body.choice())


def _storable(tenant: str) -> str:
    """Return a name that Postgres can be asked for."""
    return tenant if tenant.isascii() and tenant.isprintable() else "?"


def _unknown_tenant() -> ApiError:
    return ApiError(404, "not_found", "There is no such tenant.", param="tenant")
