"""``/admin/api/lessons``: see what runs have taught, and forget it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.lessons.store import PostgresLessons
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role


class LessonView(BaseModel):
    """One lesson."""

    id: str
    tenant: str
    category: str
    task: str
    answer: str
    warning: str
    created_at: datetime


def _lessons(request: Request) -> PostgresLessons:
    lessons: PostgresLessons = request.app.state.services.lessons
    return lessons


Store = Annotated[PostgresLessons, Depends(_lessons)]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Named = Annotated[str | None, Query(max_length=200)]

router = APIRouter(
    prefix="/admin/api/lessons", tags=["lessons"], responses=errors(400, 401, 403, 503)
)


@router.get("")
async def list_lessons(
    store: Store,
    _: Editor,
    tenant: Named = None,
    category: Named = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[LessonView]:
    """List lessons, the newest first."""
    for name, given in (("tenant", tenant), ("category", category), ("after", after)):
        if given is not None and not (given.isascii() and given.isprintable()):
            raise ApiError(400, "invalid_request", f"{name}: no such thing", param=name)
    with registry_reached():
        rows = await store.page(limit=limit + 1, after=after, tenant=tenant, category=category)
    return page([LessonView.model_validate(row) for row in rows], limit, lambda row: row.id)


@router.delete("/{lesson_id}", status_code=204, responses=errors(404))
async def delete_lesson(lesson_id: str, store: Store, _: Editor) -> Response:
    """Forget a lesson."""
    storable = lesson_id.isascii() and lesson_id.isprintable()
    with registry_reached():
        known = storable and await store.delete(lesson_id)
    if not known:
        raise ApiError(404, "not_found", "There is no lesson of this id.", param="lesson_id")
    return Response(status_code=204)
