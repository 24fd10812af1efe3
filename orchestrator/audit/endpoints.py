"""``/admin/api/audit``: what was changed, by whom, as a chain that can be checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BeforeValidator

from orchestrator.audit.chain import Event
from orchestrator.audit.files import MEDIA_TYPES, Format, beginning, written
from orchestrator.audit.log import AuditLog
from orchestrator.audit.schemas import EntryDetail, EntryView, Head
from orchestrator.audit.search import Question
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role
from orchestrator.tenants.schemas import TenantId, Text

_LARGEST = 2**63 - 1
_EXPORTED_AT_ONCE = 500


def _no_number(moment: str) -> str:
    """Refuse what pydantic would take for seconds since 1970."""
    if "T" not in moment.upper():
        raise ValueError("write it like 2026-01-31T09:00:00Z")
    return moment


Moment = Annotated[
    AwareDatetime | None, BeforeValidator(_no_number), Query(description="With a time zone.")
]

router = APIRouter(
    prefix="/admin/api/audit",
    tags=["audit"],
    dependencies=[Depends(require_role(Role.ADMIN))],
    responses=errors(400, 401, 403),
)


def _log(request: Request) -> AuditLog:
    log: AuditLog = request.app.state.services.audit
    return log


def _question(
    actor: Annotated[Text, Query(description="Id of a key or person.")] = None,
    action: Annotated[Text, Query(description="A part of the action.")] = None,
    target: Annotated[
        Text, Query(description="What it is about, or above that: `keys/key_1`, `tenants/acme`.")
    ] = None,
    tenant: TenantId = None,
    event: Event | None = None,
    since: Moment = None,
    until: Moment = None,
    q: Annotated[Text, Query(description="Anywhere in the entry.")] = None,
) -> Question:
    return Question(actor, action, target, tenant, event, since, until, q)


Log = Annotated[AuditLog, Depends(_log)]
Asked = Annotated[Question, Depends(_question)]


@router.get("")
async def list_entries(
    log: Log,
    question: Asked,
    limit: Limit = 50,
    after: After = None,
    order: Annotated[str, Query(pattern="^(newest|oldest)$")] = "newest",
) -> Page[EntryView]:
    """List what was asked for and what came of it."""
    with registry_reached():
        links = await log.page(
            limit + 1, after=_place(after), newest_first=order == "newest", question=question
        )
    views = [EntryView.of(link) for link in links]
    return page(views, limit, lambda view: str(view.number))


@router.get("/head")
async def get_head(log: Log) -> Head:
    """Return the head of the chain."""
    with registry_reached():
        number, digest = await log.head()
    return Head(number=number, hash=digest)


@router.get("/entries/{number}", responses=errors(404))
async def get_entry(log: Log, number: Annotated[int, Path(ge=1, le=_LARGEST)]) -> EntryDetail:
    """Show an entry, with what was sent, and what it was like before and after."""
    with registry_reached():
        link = await log.get(number)
        ended = None if link is None else await log.end_of(link)
    if link is None:
        raise ApiError(404, "not_found", "There is no entry of this number.", param="number")
    return EntryDetail.with_end(link, ended)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {media: {} for media in MEDIA_TYPES.values()}}},
)
async def export(
    log: Log, question: Asked, form: Annotated[Format, Query(alias="format")] = "csv"
) -> StreamingResponse:
    """Return entries as a file, the oldest first; all of them can be checked with `coe audit verify`."""
    with registry_reached():
        first = await log.page(_EXPORTED_AT_ONCE, question=question)

    async def pieces() -> AsyncIterator[str]:
        yield beginning(form)
        links = first
        while links:
            yield written(form, map(EntryView.of, links))
            after = links[-1].entry.number
            links = await log.page(_EXPORTED_AT_ONCE, after=after, question=question)

    name = f'attachment; filename="audit.{form}"'
    return StreamingResponse(
        pieces(), media_type=MEDIA_TYPES[form], headers={"content-disposition": name}
    )


def _place(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit()) or not 0 < int(after) <= _LARGEST:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    return int(after)
