"""``/admin/api/limits``: what tenants and keys may use, and what they use of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.limits.book import LimitBook, LimitRecord, NoSuchSubject
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.limits.schemas import LimitsView, LimitsWanted
from orchestrator.tenants.limits.values import TENANT

_KEY = r"^key_[0-9a-f]{32}$"
_TENANT = r"^[a-z0-9][a-z0-9._-]{0,63}$"

Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
KeyId = Annotated[str, Path(pattern=_KEY)]
TenantId = Annotated[str, Path(pattern=_TENANT)]

router = APIRouter(
    prefix="/admin/api/limits", tags=["limits"], responses=errors(400, 401, 403, 503)
)


def _book(request: Request) -> LimitBook:
    book: LimitBook = request.app.state.services.limits
    return book


def _limiter(request: Request) -> Limiter:
    limiter: Limiter = request.app.state.services.limiter
    return limiter


Book = Annotated[LimitBook, Depends(_book)]
Counters = Annotated[Limiter, Depends(_limiter)]


@router.get("")
async def list_limits(
    book: Book, limiter: Counters, _: Viewer, limit: Limit = 50, after: After = None
) -> Page[LimitsView]:
    """List limits by tenant, those of its keys among its own, with what is used of them."""
    with registry_reached():
        records = await book.list(limit + 1, _place(after))
    uses = await limiter.uses_of(records)
    views = [LimitsView.of(record, use) for record, use in zip(records, uses, strict=True)]
    return page(views, limit, lambda view: f"{view.tenant} {view.key_id or TENANT}")


@router.get("/tenants/{tenant}", responses=errors(404))
async def get_tenant_limits(
    book: Book, limiter: Counters, _: Viewer, tenant: TenantId
) -> LimitsView:
    """Show the limits of a tenant, and what all its keys together use of them."""
    return await _get(book, limiter, tenant, TENANT)


@router.put("/tenants/{tenant}", responses=errors(404))
async def put_tenant_limits(
    book: Book, limiter: Counters, admin: Admin, tenant: TenantId, wanted: LimitsWanted
) -> LimitsView:
    """Set the limits of a tenant in place of those it had, on every replica within a second."""
    return await _put(book, limiter, tenant, TENANT, wanted, admin)


@router.delete("/tenants/{tenant}", status_code=204, responses=errors(404))
async def delete_tenant_limits(
    book: Book, limiter: Counters, _: Admin, tenant: TenantId
) -> Response:
    """Take the limits of a tenant away; those of its keys stay."""
    return await _delete(book, limiter, tenant, TENANT)


@router.get("/keys/{key_id}", responses=errors(404))
async def get_key_limits(book: Book, limiter: Counters, _: Viewer, key_id: KeyId) -> LimitsView:
    """Show the limits of a key, and what it uses of them."""
    return await _get(book, limiter, await _tenant_of(book, key_id), key_id)


@router.put("/keys/{key_id}", responses=errors(404))
async def put_key_limits(
    book: Book, limiter: Counters, admin: Admin, key_id: KeyId, wanted: LimitsWanted
) -> LimitsView:
    """Set the limits of a key in place of those it had; they hold beside those of its tenant."""
    return await _put(book, limiter, await _tenant_of(book, key_id), key_id, wanted, admin)


@router.delete("/keys/{key_id}", status_code=204, responses=errors(404))
async def delete_key_limits(book: Book, limiter: Counters, _: Admin, key_id: KeyId) -> Response:
    """Take the limits of a key away; those of its tenant stay."""
    return await _delete(book, limiter, await _tenant_of(book, key_id), key_id)


async def _get(book: LimitBook, limiter: Limiter, tenant: str, scope: str) -> LimitsView:
    with registry_reached():
        record = await book.get(tenant, scope)
    if record is None:
        raise _none_set()
    return await _shown(record, limiter)


async def _put(
    book: LimitBook,
    limiter: Limiter,
    tenant: str,
    scope: str,
    wanted: LimitsWanted,
    admin: Principal,
) -> LimitsView:
    try:
        with registry_reached():
            record = await book.put(tenant, scope, wanted.limits(), admin.key_id)
    except NoSuchSubject as error:
        raise ApiError(
            404, "not_found", "There is no tenant of this id.", param="tenant"
        ) from error
    return await _shown(record, limiter)


async def _delete(book: LimitBook, limiter: Limiter, tenant: str, scope: str) -> Response:
    with registry_reached():
        found = await book.delete(tenant, scope)
    if not found:
        raise _none_set()
    await limiter.forget(tenant, scope)
    return Response(status_code=204)


async def _shown(record: LimitRecord, limiter: Limiter) -> LimitsView:
    return LimitsView.of(record, await limiter.use_of(record))


async def _tenant_of(book: LimitBook, key_id: str) -> str:
    try:
        with registry_reached():
            return await book.tenant_of(key_id)
    except NoSuchSubject as error:
        raise ApiError(404, "not_found", "There is no key of this id.", param="key_id") from error


def _place(after: str | None) -> tuple[str, str] | None:
    if after is None:
        return None
    tenant, space, scope = after.partition(" ")
    if not space or "\x00" in after:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    return tenant, scope


def _none_set() -> ApiError:
    return ApiError(404, "not_found", "No limits are set there.")
