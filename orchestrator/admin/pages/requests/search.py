"""What of the log is asked for, as the API wants to hear it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal

from coe_client.types import UsageSearch
from orchestrator.admin.pages.overview.ranges import CUSTOM, range_of
from orchestrator.admin.parts.sources import Query

_ID = re.compile(r"(req_)?[0-9a-f]{4,32}|req_")
_Name = Literal[
    "expert", "category", "tenant", "policy", "status", "cache", "model", "api", "key", "session"
]
_CHOSEN: tuple[_Name, ...] = ("expert", "category", "tenant", "policy", "status", "cache")
_ADDRESSED: tuple[_Name, ...] = ("model", "api", "key", "session")
"""Filters that links to the page may carry, without a field of their own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which requests.

    Args:
        since: From when on; ``None``: from the first.
        until: Until when; ``None``: the last.
        only: What else they have in common, and their order.
    """

    since: datetime | None = None
    until: datetime | None = None
    only: UsageSearch = field(default_factory=UsageSearch)


def asked(query: Query, address: Mapping[str, str], zone: tzinfo) -> Asked:
    """Return what the API is asked.

    Args:
        query: What is chosen in the list.
        address: Parameters of the page's address: a custom range, and filters without a field.
        zone: Of whoever looks.
    """
    only = UsageSearch(sort=_order(query))
    for name in _CHOSEN:
        if query.filters.get(name):
            only[name] = query.filters[name]
    for name in _ADDRESSED:
        if address.get(name):
            only[name] = address[name]
    text = query.search.strip()
    if text:
        only["id" if _ID.fullmatch(text) else "session"] = text
    if query.filters.get("cost"):
        only["min_cost_usd"] = float(query.filters["cost"])
    if query.filters.get("took"):
        only["min_duration_ms"] = float(query.filters["took"])
    key = query.filters.get("range", "")
    if not key:
        return Asked(only=only)
    chosen = range_of({**address, "range": key}, zone)
    return Asked(chosen.since, chosen.until if chosen.key == CUSTOM else None, only)


def _order(query: Query) -> str:
    return ("-" if query.descending else "") + (query.sort or "time")
