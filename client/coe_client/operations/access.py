"""Keys, tenants, the audit log, and who one is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack

from coe_client.requests import Query, Request, admin, as_bytes, as_model, given, nothing
from coe_client.types import (
    AuditDetail,
    AuditEntry,
    AuditFilter,
    AuditHead,
    CreatedKey,
    KeyRecord,
    Me,
    Page,
    TenantRecord,
)


def list_keys(
    after: str | None = None, limit: int | None = None, **only: Query
) -> Request[Page[KeyRecord]]:
    """List API keys."""
    path = admin("keys", after=after, limit=limit, **only)
    return Request("GET", path, as_model(Page[KeyRecord]))


def get_key(key_id: str) -> Request[KeyRecord]:
    """Get an API key's record."""
    return Request("GET", admin("keys", key_id), as_model(KeyRecord))


def create_key(name: str, *, expires_at: datetime | None, **options: Any) -> Request[CreatedKey]:
    """Make an API key.

    Raises:
        ValueError: ``expires_at`` has no time zone.
    """
    if expires_at is not None and expires_at.tzinfo is None:
        raise ValueError("expires_at needs a time zone")
    body = {"name": name, "expires_at": expires_at, **_lists(given(**options))}
    return Request("POST", admin("keys"), as_model(CreatedKey), body, repeatable=False)


def change_key(key_id: str, **allowed: Sequence[str] | None) -> Request[KeyRecord]:
    """Choose what a key may use: ``experts``, ``policies``; ``None``: all."""
    return Request("PATCH", admin("keys", key_id), as_model(KeyRecord), _lists(allowed))


def rotate_key(key_id: str, overlap_seconds: float) -> Request[CreatedKey]:
    """Give a key a new secret. Sent twice the first new one would be lost."""
    path, body = admin("keys", key_id, "rotate"), {"overlap_seconds": overlap_seconds}
    return Request("POST", path, as_model(CreatedKey), body, repeatable=False)


def revoke_key(key_id: str) -> Request[None]:
    """Make an API key useless."""
    return Request("DELETE", admin("keys", key_id), nothing, repeatable=False)


def list_tenants(
    after: str | None = None,
    limit: int | None = None,
    *,
    suspended: bool | None = None,
    **only: Query,
) -> Request[Page[TenantRecord]]:
    """List tenants."""
    shut_out = None if suspended is None else str(suspended).lower()
    path = admin("tenants", after=after, limit=limit, suspended=shut_out, **only)
    return Request("GET", path, as_model(Page[TenantRecord]))


def get_tenant(tenant: str) -> Request[TenantRecord]:
    """Get a tenant."""
    return Request("GET", admin("tenants", tenant), as_model(TenantRecord))


def put_tenant(tenant: str, **changes: Any) -> Request[TenantRecord]:
    """Make a tenant, or change what is said of it."""
    return Request("PUT", admin("tenants", tenant), as_model(TenantRecord), _lists(changes))


def list_audit(
    after: str | None = None,
    limit: int | None = None,
    *,
    order: str | None = None,
    **only: Unpack[AuditFilter],
) -> Request[Page[AuditEntry]]:
    """List what was changed."""
    path = admin("audit", after=after, limit=limit, order=order, **_selected(only))
    return Request("GET", path, as_model(Page[AuditEntry]))


def get_audit_entry(number: int) -> Request[AuditDetail]:
    """Get one entry."""
    return Request("GET", admin("audit", "entries", str(number)), as_model(AuditDetail))


def export_audit(form: str, **only: Unpack[AuditFilter]) -> Request[bytes]:
    """Get what was changed as a file."""
    path = admin("audit", "export", format=form, **_selected(only))
    kind = {"csv": "text/csv", "jsonl": "application/x-ndjson"}.get(form)
    return Request("GET", path, as_bytes, content_type=kind or "application/octet-stream")


def get_audit_head() -> Request[AuditHead]:
    """Get the last entry's number and hash."""
    return Request("GET", admin("audit", "head"), as_model(AuditHead))


def get_me() -> Request[Me]:
    """Ask who is asking."""
    return Request("GET", admin("me"), as_model(Me))


def _lists(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with sequences of names as lists."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()}


def _selected(only: AuditFilter) -> dict[str, Query]:
    return {name: _written(value, name) for name, value in only.items()}


def _written(value: object, name: str) -> str | None:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} needs a time zone")
        return value.isoformat()
    return None if value is None else str(value)
