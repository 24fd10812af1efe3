"""Filters of lists whose values the API searches for."""

from __future__ import annotations

from orchestrator.admin.parts.choosing import Search, experts_of, tenants_of
from orchestrator.admin.parts.listing import Filter
from orchestrator.admin.session import View


async def tenant_filter(view: View) -> Filter:
    """Return the filter by tenant."""
    return await searched_filter(view, "tenant", "Tenant", tenants_of(view))


async def expert_filter(view: View) -> Filter:
    """Return the filter by expert."""
    return await searched_filter(view, "expert", "Expert", experts_of(view))


async def searched_filter(view: View, key: str, name: str, search: Search) -> Filter:
    """Return a filter that offers what the API finds.

    Args:
        view: Of whoever looks; what the address asks for is offered, too.
        key: What the source and the address call it.
        name: Its label.
        search: Finds values.
    """
    options = dict(await search(""))
    if chosen := view.query.get(key):
        options.setdefault(chosen, chosen)
    return Filter(key, name, options, search)
