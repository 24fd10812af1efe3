"""``/admin/api/keys``: make, list and revoke keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.service import DEFAULT_TENANT

_require_admin = require_role(Role.ADMIN)
Admin = Annotated[Principal, Depends(_require_admin)]

router = APIRouter(
    prefix="/admin/api/keys",
    tags=["keys"],
    dependencies=[Depends(_require_admin)],
    responses=errors(400, 401, 403),
)


class KeyView(BaseModel):
    """What may be seen of a key."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    prefix: str = Field(description="The beginning of the key, to recognise it by.")
    role: Role
    tenant: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    experts: list[str] | None = Field(
        description="Ids of the experts that may answer. Null: all, those to come included."
    )


class NewKey(BaseModel):
    """A key just made."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(description="The key itself. It is shown this once.")
    id: str
    name: str
    prefix: str
    role: Role
    tenant: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    experts: list[str] | None = Field(
        description="Ids of the experts that may answer. Null: all, those to come included."
    )


ExpertIds = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$")]],
    Field(min_length=1, max_length=1000),
]


class KeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    role: Role = Role.USER
    tenant: str = Field(default=DEFAULT_TENANT, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    expires_at: AwareDatetime | None = None
    experts: ExpertIds | None = Field(
        default=None, description="Ids of the experts that may answer. Null: all."
    )

    @field_validator("name")
    @classmethod
    def _storable(cls, name: str) -> str:
        if "\x00" in name or not name.isprintable():
            raise ValueError("only printable characters, please")
        return name

    @field_validator("expires_at")
    @classmethod
    def _to_come(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= datetime.now(UTC):
            raise ValueError("this moment has passed")
        return moment


class KeyChange(BaseModel):
    """What is to be different about a key."""

    model_config = ConfigDict(extra="forbid")

    experts: ExpertIds | None = Field(
        description="Ids of the experts that may answer. Null: all, those to come included."
    )


@router.get("")
async def list_keys(request: Request, limit: Limit = 50, after: After = None) -> Page[KeyView]:
    """List keys in the order they were made, revoked ones included."""
    if after is not None and "\x00" in after:
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    records = await request.app.state.services.keys.list(limit + 1, after)
    return page([KeyView.model_validate(r) for r in records], limit, lambda key: key.id)


@router.post("", status_code=201)
async def create_key(request: Request, admin: Admin, wanted: KeyRequest) -> NewKey:
    """Make a key. The answer is the only place where it is ever shown."""
    record, key = await request.app.state.services.keys.create(
        name=wanted.name,
        role=wanted.role,
        tenant=wanted.tenant,
        expires_at=wanted.expires_at,
        experts=wanted.experts,
        created_by=admin.key_id,
    )
    return NewKey(key=key, **KeyView.model_validate(record).model_dump())


@router.patch("/{key_id}", responses=errors(404))
async def change_key(request: Request, key_id: str, wanted: KeyChange) -> KeyView:
    """Choose the experts that may answer a key, on every replica within a second."""
    keys = request.app.state.services.keys
    record = None if "\x00" in key_id else await keys.allow(key_id, wanted.experts)
    if record is None:
        raise ApiError(404, "not_found", "There is no live key of this id.", param="key_id")
    return KeyView.model_validate(record)


@router.delete("/{key_id}", status_code=204, responses=errors(404))
async def revoke_key(request: Request, key_id: str) -> Response:
    """Revoke a key for good, on every replica within a second."""
    if "\x00" in key_id or not await request.app.state.services.keys.revoke(key_id):
        raise ApiError(404, "not_found", "There is no live key of this id.", param="key_id")
    return Response(status_code=204)
