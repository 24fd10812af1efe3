"""``/admin/api/tenants``: who there is, what each may use, and whom to shut out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.tenants.access import require_role
from orchestrator.tenants.directory import Tenants
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.schemas import TENANT, TenantChange, TenantView

Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
Id = Annotated[str, Path(pattern=TENANT)]

router = APIRouter(prefix="/admin/api/tenants", tags=["tenants"], responses=errors(400, 401, 403))


def _tenants(request: Request) -> Tenants:
    directory: Tenants = request.app.state.services.tenants
    return directory


Directory = Annotated[Tenants, Depends(_tenants)]


@router.get("")
async def list_tenants(
    directory: Directory, _: Viewer, limit: Limit = 50, after: After = None
) -> Page[TenantView]:
    """List tenants by id."""
    if after is not None and "\x00" in after:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    records = await directory.list(limit + 1, after)
    return page([TenantView.model_validate(r) for r in records], limit, lambda tenant: tenant.id)


@router.get("/{tenant}", responses=errors(404))
async def get_tenant(directory: Directory, _: Viewer, tenant: Id) -> TenantView:
    """Return a tenant."""
    record = await directory.get(tenant)
    if record is None:
        raise ApiError(404, "not_found", "There is no tenant of this id.", param="tenant")
    return TenantView.model_validate(record)


@router.put("/{tenant}", responses=errors(409))
async def put_tenant(
    directory: Directory, admin: Admin, tenant: Id, wanted: TenantChange
) -> TenantView:
    """Make a tenant or change what is said of it, on every replica within a second.

    A tenant that is suspended has no working key, until it is not any more.
    """
    if wanted.suspended and tenant == admin.tenant:
        raise ApiError(
            409, "own_tenant", "This would shut you out: it is the tenant of your own key."
        )
    changes = wanted.model_dump(exclude_unset=True)
    return TenantView.model_validate(await directory.put(tenant, changes))
