"""Answers that are kept."""

from __future__ import annotations

from typing import Any

from coe_client.requests import Request, admin, as_model, given, nothing
from coe_client.types import CacheChoice, CacheEntry, CachePurged, Page


def list_cache_choices(after: str | None, limit: int | None) -> Request[Page[CacheChoice]]:
    """List tenants that have something else than usual."""
    path = admin("cache", "tenants", after=after, limit=limit)
    return Request("GET", path, as_model(Page[CacheChoice]))


def get_cache_choice(tenant: str) -> Request[CacheChoice]:
    """Get what a tenant has of caches."""
    return Request("GET", admin("cache", "tenants", tenant), as_model(CacheChoice))


def set_cache_choice(tenant: str, **wanted: Any) -> Request[CacheChoice]:
    """Set what a tenant has of caches, in place of what it had."""
    path = admin("cache", "tenants", tenant)
    return Request("PUT", path, as_model(CacheChoice), given(**wanted))


def reset_cache_choice(tenant: str) -> Request[None]:
    """Let a tenant have what is usual."""
    return Request("DELETE", admin("cache", "tenants", tenant), nothing, repeatable=False)


def get_cache_entry(tenant: str, key: str) -> Request[CacheEntry]:
    """Get an answer that is kept, without what it says."""
    path = admin("cache", "tenants", tenant, "entries", key)
    return Request("GET", path, as_model(CacheEntry))


def purge_cache(tenant: str, **which: Any) -> Request[CachePurged]:
    """Remove answers that are kept. Sent twice, the second answer would say that none went."""
    path = admin("cache", "tenants", tenant, "purge")
    return Request("POST", path, as_model(CachePurged), given(**which), repeatable=False)
