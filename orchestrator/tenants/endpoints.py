"""``/admin/api/keys``: make, list, change, rotate and revoke keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import CountedPage, Limit, counted_page, errors
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.key_list import KeyQuestion, KeySort
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.records import KeyState
from orchestrator.tenants.schemas import (
    KeyChange,
    KeyRequest,
    KeyView,
    NewKey,
    Place,
    Rotation,
    TenantId,
    Text,
)
from orchestrator.tenants.service import KeyRing

_require_admin = require_role(Role.ADMIN)
Admin = Annotated[Principal, Depends(_require_admin)]

router = APIRouter(
    prefix="/admin/api/keys",
    tags=["keys"],
    dependencies=[Depends(_require_admin)],
    responses=errors(400, 401, 403),
)


def _keys(request: Request) -> KeyRing:
    keys: KeyRing = request.app.state.services.keys
    return keys


Keys = Annotated[KeyRing, Depends(_keys)]


@router.get("")
async def list_keys(
    keys: Keys,
    limit: Limit = 50,
    after: Place = None,
    q: Annotated[Text, Query(description="In name, id, beginning or tenant.")] = None,
    role: Role | None = None,
    tenant: TenantId = None,
    state: KeyState | None = None,
    expiring_days: Annotated[
        int | None, Query(ge=0, le=36_500, description="Active ones that expire within so many.")
    ] = None,
    sort: Annotated[KeySort, Query(description="With `-`, the largest first.")] = "created",
) -> CountedPage[KeyView]:
    """List keys, revoked ones included."""
    question = KeyQuestion(q, role, tenant, state, expiring_days, sort)
    with registry_reached():
        records, total = await keys.list(limit + 1, after, question)
    views = [KeyView.model_validate(r) for r in records]
    return counted_page(views, limit, lambda key: key.id, total)


@router.get("/{key_id}", responses=errors(404))
async def get_key(keys: Keys, key_id: str) -> KeyView:
    """Return a key, without the key itself."""
    with registry_reached():
        record = None if "\x00" in key_id else await keys.get(key_id)
    if record is None:
        raise ApiError(404, "not_found", "There is no key of this id.", param="key_id")
    return KeyView.model_validate(record)


@router.post("", status_code=201)
async def create_key(keys: Keys, admin: Admin, wanted: KeyRequest) -> NewKey:
    """Make a key. The answer is the only place where it is ever shown."""
    record, key = await keys.create(**wanted.model_dump(), created_by=admin.key_id)
    return NewKey(key=key, **KeyView.model_validate(record).model_dump())


@router.patch("/{key_id}", responses=errors(404))
async def change_key(keys: Keys, key_id: str, wanted: KeyChange) -> KeyView:
    """Choose what a key may use, on every replica within a second."""
    changes = wanted.model_dump(exclude_unset=True)
    if not changes:
        raise ApiError(400, "invalid_request", "Say 'experts', 'policies' or both.")
    record = None if "\x00" in key_id else await keys.change(key_id, changes)
    if record is None:
        raise _no_key()
    return KeyView.model_validate(record)


@router.post("/{key_id}/rotate", responses=errors(404))
async def rotate_key(keys: Keys, key_id: str, wanted: Rotation) -> NewKey:
    """Give a key a new secret, shown this once; the one before works on for a while."""
    overlap = timedelta(seconds=wanted.overlap_seconds)
    rotated = None if "\x00" in key_id else await keys.rotate(key_id, overlap)
    if rotated is None:
        raise _no_key()
    record, key = rotated
    return NewKey(key=key, **KeyView.model_validate(record).model_dump())


@router.delete("/{key_id}", status_code=204, responses=errors(404))
async def revoke_key(keys: Keys, key_id: str) -> Response:
    """Revoke a key for good, on every replica within a second."""
    if "\x00" in key_id or not await keys.revoke(key_id):
        raise _no_key()
    return Response(status_code=204)


def _no_key() -> ApiError:
    return ApiError(404, "not_found", "There is no live key of this id.", param="key_id")
