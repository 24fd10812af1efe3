"""``/admin/api/tenants``: who there is, what each may use, and whom to shut out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import CountedPage, Limit, counted_page, errors
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.directory import Tenants
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.schemas import TENANT, Place, TenantChange, TenantView, Text
from orchestrator.tenants.tenant_list import TenantQuestion, TenantSort

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
    directory: Directory,
    _: Viewer,
    limit: Limit = 50,
    after: Place = None,
    q: Annotated[Text, Query(description="In id or name.")] = None,
    suspended: bool | None = None,
    sort: Annotated[TenantSort, Query(description="With `-`, the largest first.")] = "id",
) -> CountedPage[TenantView]:
    """List tenants."""
    with registry_reached():
        question = TenantQuestion(q, suspended, sort)
        records, total = await directory.list(limit + 1, after, question)
    views = [TenantView.model_validate(r) for r in records]
    return counted_page(views, limit, lambda tenant: tenant.id, total)


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
