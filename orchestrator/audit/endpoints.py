"""``/admin/api/audit``: what was changed, by whom, as a chain that can be checked."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from orchestrator.audit.chain import Event, Linked
from orchestrator.audit.log import AuditLog
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

_LARGEST = 2**63 - 1

router = APIRouter(
    prefix="/admin/api/audit",
    tags=["audit"],
    dependencies=[Depends(require_role(Role.ADMIN))],
    responses=errors(400, 401, 403),
)


class EntryView(BaseModel):
    """One entry, with what its hash is made of."""

    number: int = Field(description="Its place in the chain, from 1, without gaps.")
    at: datetime
    event: Event
    actor: str = Field(description="Id of the key or person.")
    actor_name: str
    address: str
    request_id: str
    action: str
    status: int | None
    detail: str = Field(description="Further facts, as JSON text: the hash covers it as it is.")
    previous: str = Field(description="Hash of the entry before.")
    hash: str

    @classmethod
    def of(cls, link: Linked) -> Self:
        """Return the view of an entry."""
        return cls(**asdict(link.entry), previous=link.previous, hash=link.hash)


class Head(BaseModel):
    """The last entry. Kept elsewhere, it shows whether the chain was made anew since."""

    number: int
    hash: str


def _log(request: Request) -> AuditLog:
    log: AuditLog = request.app.state.services.audit
    return log


Log = Annotated[AuditLog, Depends(_log)]
Text = Annotated[str | None, Query(max_length=200, pattern="^[^\x00]*$")]


@router.get("")
async def list_entries(
    log: Log,
    limit: Limit = 50,
    after: After = None,
    order: Annotated[str, Query(pattern="^(newest|oldest)$")] = "newest",
    actor: Text = None,
    action: Text = None,
) -> Page[EntryView]:
    """List what was asked for and what came of it."""
    links = await log.page(
        limit + 1,
        after=_place(after),
        newest_first=order == "newest",
        actor=actor,
        action=action,
    )
    views = [EntryView.of(link) for link in links]
    return page(views, limit, lambda view: str(view.number))


@router.get("/head")
async def get_head(log: Log) -> Head:
    """Return the head of the chain."""
    number, digest = await log.head()
    return Head(number=number, hash=digest)


def _place(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit()) or not 0 < int(after) <= _LARGEST:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    return int(after)
