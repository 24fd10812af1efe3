"""Finds answers to requests that are only alike, for the tenants that want that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from redis.exceptions import RedisError

from experts.cache.similar.embeds import Confirms
from experts.cache.similar.log import BEGINNING, SimilarLog
from experts.cache.similar.tenant import TenantSimilar
from experts.cache.store import CacheStore
from orchestrator.caching.choice import Choice
from orchestrator.caching.confirming import AtOnce, Embedder

_LOOK_SECONDS = 0.25
_WORD = 64
"""Of bits: the index wants whole words."""

FloatArray = npt.NDArray[np.float32]
log = logging.getLogger(__name__)


class SimilarCaches:
    """The kept prompts of all tenants that want it.

    Args:
        store: Where answers are kept.
        events: Where what is known of prompts is written.
        embedder: Turns texts into vectors.
        wanted: Returns the tenants that want it, with what they chose.
        confirms: Confirms what the embedder finds; by default the embedder itself does.
    """

    def __init__(
        self,
        store: CacheStore,
        events: SimilarLog,
        embedder: Embedder,
        wanted: Callable[[], dict[str, Choice]],
        confirms: Confirms | None = None,
    ) -> None:
        self._confirms = confirms or AtOnce(embedder)
        self._store = store
        self._events = events
        self._embedder = embedder
        self._wanted = wanted
        self._tenants: dict[str, TenantSimilar] = {}
        self._places: dict[str, bytes] = {}

    def of(self, tenant: str) -> TenantSimilar | None:
        """Return what finds a tenant's answers, if it wants that and its prompts have been read."""
        return self._tenants.get(tenant)

    async def run(self) -> None:
        """Keep in step with the other replicas, until cancelled."""
        while True:
            try:
                more = await self.step()
            except (RedisError, OSError) as error:
                log.debug("prompts of the cache are not read: %r", error)
                more = False
            await asyncio.sleep(0 if more else _LOOK_SECONDS)

    async def step(self) -> bool:
        """Take in what is new; tells whether there is more at once.

        Raises:
            RedisError: If Redis is away.
            OSError: Likewise.
        """
        wanted = self._wanted()
        for tenant in [one for one in self._tenants if one not in wanted]:
            del self._tenants[tenant], self._places[tenant]
        if not wanted:
            return False
        for tenant, choice in wanted.items():
            if tenant not in self._tenants:
                self._tenants[tenant] = self._made(tenant)
                self._places[tenant] = BEGINNING
            self._tenants[tenant].wrong = choice.wrong
        news = await self._events.read(self._places)
        for tenant, (place, events, _) in news.items():
            kept = self._tenants[tenant]
            for event in events:
                kept.heard(event)
            kept.tidy()
            self._places[tenant] = place
        return any(more for _, _, more in news.values())

    async def settled(self) -> None:
        """Wait until everything is written down."""
        for kept in self._tenants.values():
            await kept.settled()

    async def forget(self, tenant: str) -> None:
        """Erase what is known of a tenant's prompts.

        Raises:
            RedisError: If Redis is away.
            OSError: Likewise.
        """
        await self._events.forget(tenant)

    def _made(self, tenant: str) -> TenantSimilar:
        width = -(-self._embedder.dimensions // _WORD) * _WORD
        return TenantSimilar(tenant, self._store, self._events, self._embed, width, self._confirms)

    def _embed(self, texts: Sequence[str]) -> FloatArray:
        vectors = self._embedder.embed(texts)
        missing = -vectors.shape[1] % _WORD
        return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors
