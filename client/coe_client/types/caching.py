"""Answers that are kept: what tenants want of that, and what is there."""

from __future__ import annotations

from datetime import datetime

from coe_client.types.base import WireModel


class CacheChoice(WireModel):
    """What a tenant has of caches, and what is kept for it."""

    tenant: str
    mode: str = ""
    """``off``; ``asked``: requests that ask for it; ``on``: all that do not refuse it."""
    seconds: float = 0.0
    """For which an answer is kept."""
    sampled: bool = False
    """Whether answers that might come out otherwise each time are kept unasked, too."""
    similar: bool = False
    """Whether the answer to a request that is only alike will do."""
    wrong: float = 0.0
    """Share of wrong ones among those answers that is put up with."""
    usual: bool = True
    """Whether the tenant has what is usual."""
    changed_at: datetime | None = None
    changed_by: str | None = None
    entries: int | None = None
    """Answers that are kept; ``None`` where the service cannot tell now."""
    bytes: int | None = None
    """Of these, compressed."""


class CacheEntry(WireModel):
    """An answer that is kept, without what it says."""

    key: str
    expert: str
    version: int = 0
    """Of the expert's entry in the catalogue."""
    category: str | None = None
    made_at: datetime | None = None
    seconds_left: float = 0.0
    """Until it goes."""
    bytes: int = 0
    """Compressed."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    comparisons: int | None = None
    """How often it was held against an expert's answer to a request like it."""
    right: int | None = None
    """How often it would have done."""


class CachePurged(WireModel):
    """How many answers went."""

    tenant: str
    removed: int = 0
