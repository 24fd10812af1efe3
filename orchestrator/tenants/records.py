"""Rows of keys, sessions and tenants as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from orchestrator.tenants.consent import choice_of
from orchestrator.tenants.keys import Principal, Role

Row = Mapping[Any, Any]
KeyState = Literal["active", "expired", "revoked", "suspended"]
"""``suspended``: its tenant is."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What may be seen of a key after it was made."""

    id: str
    name: str
    prefix: str
    role: Role
    tenant: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    experts: list[str] | None
    policies: list[str] | None
    previous_until: datetime | None
    """Until when the key that was there before its last rotation still works."""
    created_by: str
    """Id of the key or person that made it."""
    last_used_at: datetime | None
    state: KeyState


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """What may be seen of a tenant."""

    id: str
    name: str
    created_at: datetime
    suspended_at: datetime | None
    experts: list[str] | None
    policies: list[str] | None
    active_keys: int
    """How many of its keys work."""
    last_used_at: datetime | None
    """When one of its keys last was."""


def key_record(row: Row) -> KeyRecord:
    """Return a key's row as it may be seen."""
    fields = {name: row[name] for name in KeyRecord.__slots__}
    return KeyRecord(**{**fields, "role": Role(row["role"])})


def tenant_record(row: Row) -> TenantRecord:
    """Return a tenant's row as it may be seen."""
    return TenantRecord(**{name: row[name] for name in TenantRecord.__slots__})


def principal(row: Row, expires_at: datetime | None) -> Principal:
    """Return who a key or session stands for; what a tenant may not use, none of its keys may.

    Args:
        row: Of the key or session, beside ``tenant_experts``, ``tenant_policies`` and
            its tenant's choice of content.
        expires_at: When it stops to work.
    """
    return Principal(
        key_id=row["id"],
        name=row["name"],
        tenant=row["tenant"],
        role=Role(row["role"]),
        expires_at=expires_at,
        experts=_both(row["experts"], row["tenant_experts"]),
        policies=_both(row["policies"], row["tenant_policies"]),
        content=choice_of(row),
    )


def kept(names: Iterable[str] | None) -> list[str] | None:
    """Return a list of names as it is stored."""
    return None if names is None else sorted(set(names))


def _both(one: list[str] | None, other: list[str] | None) -> frozenset[str] | None:
    """Return what two allow-lists allow; ``None`` allows all."""
    lists = [frozenset(names) for names in (one, other) if names is not None]
    return frozenset.intersection(*lists) if lists else None
