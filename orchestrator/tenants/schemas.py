"""Keys and tenants as they are asked for and shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from orchestrator.tenants.keys import Role
from orchestrator.tenants.records import KeyState
from orchestrator.tenants.service import DEFAULT_TENANT

MAX_OVERLAP = 30 * 86_400.0
_SLUG = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
TENANT = r"^[a-z0-9][a-z0-9._-]{0,63}$"

ExpertIds = Annotated[
    list[Annotated[str, Field(pattern=_SLUG)]], Field(min_length=1, max_length=1000)
]
Policies = Annotated[
    list[Annotated[str, Field(pattern=_SLUG)]], Field(min_length=1, max_length=100)
]

Text = Annotated[str | None, Query(max_length=200, pattern="^[^\x00]*$")]
Place = Annotated[
    str | None,
    Query(max_length=200, pattern="^[^\x00]*$", description="The `next` of the page before."),
]
TenantId = Annotated[str | None, Query(pattern=TENANT)]

_EXPERTS = "Ids of the experts that may answer. Null: all, those to come included."
_POLICIES = "Policies that may be asked for. Null: all, those to come included."


def _printable(name: str) -> str:
    if "\x00" in name or not name.isprintable():
        raise ValueError("only printable characters, please")
    return name


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
    experts: list[str] | None = Field(description=_EXPERTS)
    policies: list[str] | None = Field(description=_POLICIES)
    previous_until: datetime | None = Field(
        description="Until when the secret before the last rotation still works."
    )
    created_by: str = Field(description="Id of the key or person that made it.")
    last_used_at: datetime | None = Field(description="To the minute.")
    state: KeyState = Field(description="Whether it works, and if not, why.")


class NewKey(KeyView):
    """A key just made, or its new secret."""

    key: str = Field(description="The key itself. It is shown this once.")


class KeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    role: Role = Role.USER
    tenant: str = Field(default=DEFAULT_TENANT, pattern=TENANT)
    expires_at: AwareDatetime | None = None
    experts: ExpertIds | None = Field(default=None, description=_EXPERTS)
    policies: Policies | None = Field(default=None, description=_POLICIES)

    @field_validator("name")
    @classmethod
    def _storable(cls, name: str) -> str:
        return _printable(name)

    @field_validator("expires_at")
    @classmethod
    def _to_come(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= datetime.now(UTC):
            raise ValueError("this moment has passed")
        return moment


class _Allowing(BaseModel):
    """What may be used; what is not said stays as it is."""

    model_config = ConfigDict(extra="forbid")

    experts: ExpertIds | None = Field(default=None, description=_EXPERTS)
    policies: Policies | None = Field(default=None, description=_POLICIES)


class KeyChange(_Allowing):
    """What is to be different about a key; what is not said stays as it is."""


class Rotation(BaseModel):
    """How a key gets a new secret."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: float = Field(
        default=86_400.0,
        strict=True,
        ge=0,
        le=MAX_OVERLAP,
        description="How long the secret before still works; 0: it stops at once.",
    )


class TenantView(BaseModel):
    """A tenant."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    created_at: datetime
    suspended_at: datetime | None = Field(description="Since when none of its keys works.")
    experts: list[str] | None = Field(description=_EXPERTS)
    policies: list[str] | None = Field(description=_POLICIES)
    active_keys: int = Field(description="How many of its keys work.")
    last_used_at: datetime | None = Field(description="When one of its keys was, to the minute.")


class TenantChange(_Allowing):
    """What is to be different about a tenant; what is not said stays as it is."""

    name: str = Field(default="", max_length=200)
    suspended: bool = Field(
        default=False, strict=True, description="Whether all its keys are refused."
    )

    @field_validator("name")
    @classmethod
    def _storable(cls, name: str) -> str:
        return _printable(name) if name else name
