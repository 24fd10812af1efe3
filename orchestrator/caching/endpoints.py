"""``/admin/api/cache``: what tenants want of caches, what is kept for them, and how it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from redis.exceptions import RedisError

from experts.cache.store import Held
from orchestrator.caching.book import ChoiceBook, NoSuchTenant
from orchestrator.caching.schemas import (
    CacheChoice,
    CacheEntry,
    CachePurge,
    CachePurged,
    CacheWanted,
)
from orchestrator.caching.service import Caching
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
TenantId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Key = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="As `x-coe-cache-key` says it.")]

router = APIRouter(
    prefix="/admin/api/cache/tenants", tags=["cache"], responses=errors(400, 401, 403, 503)
)


def _caching(request: Request) -> Caching:
    caching: Caching = request.app.state.services.caching
    return caching


Cache = Annotated[Caching, Depends(_caching)]


@router.get("")
async def list_choices(
    cache: Cache, _: Viewer, limit: Limit = 50, after: After = None
) -> Page[CacheChoice]:
    """List, by tenant, those that have something else than usual."""
    with registry_reached():
        records = await cache.book.list(limit + 1, after)
    views = [CacheChoice.of(record, await _held(cache, record.tenant)) for record in records]
    return page(views, limit, lambda view: view.tenant)


@router.get("/{tenant}", responses=errors(404))
async def get_choice(cache: Cache, _: Viewer, tenant: TenantId) -> CacheChoice:
    """Show what a tenant has of caches, and how much is kept for it."""
    with registry_reached():
        record = await cache.book.get(tenant)
        if record is None and not await cache.book.knows(tenant):
            raise _no_tenant()
    held = await _held(cache, tenant)
    if record is None:
        return CacheChoice.usually(tenant, cache.book.usual, held)
    return CacheChoice.of(record, held)


@router.put("/{tenant}", responses=errors(404))
async def put_choice(
    cache: Cache, admin: Admin, tenant: TenantId, wanted: CacheWanted
) -> CacheChoice:
    """Set what a tenant has of caches in place of what it had, on every replica within a second."""
    book: ChoiceBook = cache.book
    try:
        with registry_reached():
            record = await book.put(tenant, wanted.over(book.usual), admin.key_id)
    except NoSuchTenant as error:
        raise _no_tenant() from error
    if not wanted.similar:
        with _reached():
            await cache.similar.forget(tenant)
    return CacheChoice.of(record, await _held(cache, tenant))


@router.delete("/{tenant}", status_code=204, responses=errors(404))
async def delete_choice(cache: Cache, _: Admin, tenant: TenantId) -> Response:
    """Let a tenant have what is usual; what is kept for it stays until it goes by itself."""
    with registry_reached():
        found = await cache.book.delete(tenant)
    if not found:
        raise ApiError(404, "not_found", "The tenant has what is usual.", param="tenant")
    with _reached():
        await cache.similar.forget(tenant)
    return Response(status_code=204)


@router.get("/{tenant}/entries/{key}", responses=errors(404))
async def get_entry(cache: Cache, _: Viewer, tenant: TenantId, key: Key) -> CacheEntry:
    """Show an answer that is kept, without what it says."""
    name = bytes.fromhex(key)
    with _reached():
        kept = await cache.store.kept(tenant, name)
    if kept is None:
        raise ApiError(404, "not_found", "No answer is kept under this key.", param="key")
    return CacheEntry.of(key, kept, cache.seen(tenant, name))


@router.post("/{tenant}/purge")
async def purge(cache: Cache, _: Editor, tenant: TenantId, which: CachePurge) -> CachePurged:
    """Remove answers that are kept for a tenant, on every replica at once."""
    with _reached():
        removed = await cache.store.purge(tenant, which.which())
        if which.all:
            await cache.similar.forget(tenant)
    return CachePurged(tenant=tenant, removed=removed)


async def _held(cache: Caching, tenant: str) -> Held | None:
    try:
        return await cache.store.held(tenant)
    except (RedisError, OSError):
        return None  # what is set can be told without


@contextmanager
def _reached() -> Iterator[None]:
    """Turn the absence of Redis into an answer.

    Raises:
        ApiError: 503.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise ApiError(
            503,
            "cache_unavailable",
            "The cache cannot be reached now. Try again soon.",
            headers={"retry-after": "1"},
        ) from error


def _no_tenant() -> ApiError:
    return ApiError(404, "not_found", "There is no tenant of this id.", param="tenant")
