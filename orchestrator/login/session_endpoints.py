"""``/admin/api/sessions``: who is signed in, and their sessions ended."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import CountedPage, Limit, counted_page, errors
from orchestrator.kit.registry import registry_reached
from orchestrator.login.answers import SignIn
from orchestrator.login.listing import SessionRecord
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.schemas import Place, TenantId, Text

Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
SessionId = Annotated[str, Path(pattern="^ses_[0-9a-f]{32}$")]

router = APIRouter(prefix="/admin/api/sessions", responses=errors(401, 403))


class SessionView(BaseModel):
    """Somebody who is signed in."""

    id: str
    way: Literal["key", "oidc"] = Field(description="How they signed in.")
    actor: str = Field(description="Id of the key or person.")
    name: str
    tenant: str
    role: Role
    started_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    address: str = Field(description="From where they signed in.")
    agent: str = Field(description="What their browser calls itself.")
    current: bool = Field(description="Whether this request is made in it.")


@router.get("")
async def list_sessions(
    login: SignIn,
    admin: Admin,
    limit: Limit = 50,
    after: Place = None,
    q: Annotated[Text, Query(description="In name, address, browser or ids.")] = None,
    tenant: TenantId = None,
) -> CountedPage[SessionView]:
    """List the sessions that work, the latest first."""
    with registry_reached():
        records, total = await login.listed.page(limit + 1, after, text=q, tenant=tenant)
    views = [_view(record, admin) for record in records]
    return counted_page(views, limit, lambda session: session.id, total)


@router.delete("/{session_id}", status_code=204, responses=errors(404))
async def end_session(login: SignIn, _: Admin, session_id: SessionId) -> Response:
    """End a session, on every replica within a second."""
    with registry_reached():
        ended = await login.sessions.end_by_id(session_id)
    if not ended:
        raise ApiError(404, "not_found", "There is no session of this id.", param="session_id")
    return Response(status_code=204)


def _view(record: SessionRecord, admin: Principal) -> SessionView:
    return SessionView(**asdict(record), current=record.id == admin.session)
