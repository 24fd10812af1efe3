"""Budgets and what is spent of them."""

from __future__ import annotations

from coe_client.requests import Query, Request, admin, as_model
from coe_client.types import Budget, Page


def list_budgets(
    after: str | None = None, limit: int | None = None, **only: Query
) -> Request[Page[Budget]]:
    """List who has limits, and what is used of them."""
    path = admin("budgets", after=after, limit=limit, **only)
    return Request("GET", path, as_model(Page[Budget]))


def get_budget(tenant: str | None, key_id: str | None) -> Request[Budget]:
    """Get what a tenant or a key has used.

    Raises:
        ValueError: Neither is named, or both.
    """
    if (tenant is None) == (key_id is None):
        raise ValueError("name either a tenant or a key_id")
    place = ("keys", key_id) if key_id is not None else ("tenants", tenant or "")
    return Request("GET", admin("budgets", *place), as_model(Budget))
