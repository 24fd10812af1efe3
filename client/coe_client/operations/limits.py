"""Limits and budgets."""

from __future__ import annotations

from coe_client.requests import Request, admin, as_model, nothing
from coe_client.types import LimitsRecord, Page


def list_limits(after: str | None = None, limit: int | None = None) -> Request[Page[LimitsRecord]]:
    """List limits."""
    path = admin("limits", after=after, limit=limit)
    return Request("GET", path, as_model(Page[LimitsRecord]))


def get_limits(tenant: str | None, key_id: str | None) -> Request[LimitsRecord]:
    """Get the limits of a tenant or a key."""
    return Request("GET", _path(tenant, key_id), as_model(LimitsRecord))


def set_limits(
    tenant: str | None, key_id: str | None, limits: dict[str, float | None]
) -> Request[LimitsRecord]:
    """Set the limits of a tenant or a key, in place of those before."""
    return Request("PUT", _path(tenant, key_id), as_model(LimitsRecord), limits)


def remove_limits(tenant: str | None, key_id: str | None) -> Request[None]:
    """Take the limits of a tenant or a key away."""
    return Request("DELETE", _path(tenant, key_id), nothing, repeatable=False)


def _path(tenant: str | None, key_id: str | None) -> str:
    """Return where the limits of a tenant or a key are.

    Raises:
        ValueError: Neither is named, or both.
    """
    if (tenant is None) == (key_id is None):
        raise ValueError("name either a tenant or a key_id")
    place = ("keys", key_id) if key_id is not None else ("tenants", tenant or "")
    return admin("limits", *place)
