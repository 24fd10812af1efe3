"""``client.cache``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from typing import Literal

from coe_client.operations import caching as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import CacheChoice, CacheEntry, CachePurged


class Cache(Group):
    """``client.cache``: answers that are kept. Needs viewer; editor to purge, admin to set."""

    def list(self, *, page_size: int | None = None) -> Pages[CacheChoice]:
        """List, by tenant, those that have something else than usual."""
        return self._pages(lambda after: operations.list_cache_choices(after, page_size))

    def get(self, tenant: str) -> CacheChoice:
        """Get what a tenant has of caches, and how much is kept for it."""
        return self._send(operations.get_cache_choice(tenant))

    def set(
        self,
        tenant: str,
        *,
        mode: Literal["off", "asked", "on"] | None = None,
        seconds: float | None = None,
        sampled: bool | None = None,
        similar: bool | None = None,
        wrong: float | None = None,
    ) -> CacheChoice:
        """Set what a tenant has, in place of what it had; what is left out is as usual.

        Args:
            tenant: Its id.
            mode: ``off``; ``asked``: requests that ask for it; ``on``: all that do not refuse it.
            seconds: For which an answer is kept.
            sampled: Keep answers unasked that might come out otherwise each time, too.
            similar: Whether the answer to a request that is only alike will do.
            wrong: Share of wrong ones among those answers that is put up with.
        """
        wanted = operations.set_cache_choice(
            tenant, mode=mode, seconds=seconds, sampled=sampled, similar=similar, wrong=wrong
        )
        return self._send(wanted)

    def reset(self, tenant: str) -> None:
        """Let a tenant have what is usual; what is kept for it goes by itself."""
        self._send(operations.reset_cache_choice(tenant))

    def entry(self, tenant: str, key: str) -> CacheEntry:
        """Get an answer that is kept, without what it says; ``key`` is in a header of the answer."""
        return self._send(operations.get_cache_entry(tenant, key))

    def purge(
        self,
        tenant: str,
        *,
        key: str | None = None,
        expert: str | None = None,
        version: int | None = None,
        category: str | None = None,
        everything: bool = False,
    ) -> CachePurged:
        """Remove answers that are kept for a tenant: those for which all of this holds.

        Args:
            tenant: Its id.
            key: Of one.
            expert: Who gave them.
            version: Of the expert's entry in the catalogue.
            category: Of their requests.
            everything: All of the tenant's, with nothing else given.
        """
        which = operations.purge_cache(
            tenant,
            key=key,
            expert=expert,
            version=version,
            category=category,
            all=everything or None,
        )
        return self._send(which)
