"""Which part the cache has in a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experts.cache.caller import CachedCall, Plan
from experts.cache.controls import Controls, narrowed
from experts.cache.flights import Flights
from experts.cache.store import CacheStore
from experts.calling.call import ExpertCaller
from experts.catalogue.expert import Expert
from orchestrator.caching.book import ChoiceBook
from orchestrator.caching.similar import SimilarCaches


@dataclass(frozen=True, slots=True)
class Caching:
    """Lets requests have answers that are kept.

    Args:
        book: What tenants want.
        store: Where answers are kept.
        flights: Lets one of identical requests ask.
        similar: Finds answers to requests that are only alike.
    """

    book: ChoiceBook
    store: CacheStore
    flights: Flights
    similar: SimilarCaches

    def seen(self, tenant: str, key: bytes) -> tuple[int, int] | None:
        """Return how often an answer was compared, and was right; ``None``: it is given to nobody else."""
        similar = self.similar.of(tenant)
        return None if similar is None else similar.seen(key)

    def has_part(self, tenant: str, asked: Controls | None) -> bool:
        """Tell whether the cache has a part in a request.

        Args:
            tenant: Whose it is.
            asked: What its ``coe.cache`` says, if anything.
        """
        return self.book.of(tenant).allows(asked)

    def of(
        self,
        caller: ExpertCaller,
        experts: Sequence[Expert],
        fields: Mapping[str, Any],
        *,
        asked: Controls | None,
        header: str | None,
        tenant: str,
        versions: Mapping[str, int],
        category: str | None,
        patience: float,
    ) -> CachedCall:
        """Return the way through the cache of a request that it has a part in.

        Args:
            caller: Asks experts.
            experts: Who may answer, best first.
            fields: The request by field.
            asked: What its ``coe.cache`` says, if anything.
            header: Its ``cache-control`` header.
            tenant: Whose it is.
            versions: Versions in force of the experts' entries.
            category: What it is about, if a router said so.
            patience: Seconds to wait for another that asks the same.
        """
        choice = self.book.of(tenant)
        controls = narrowed(asked or Controls(), header)
        chat = "messages" in fields
        plan = Plan(
            tenant=tenant,
            kind="chat" if chat else "embeddings",
            versions=versions,
            controls=controls,
            ttl=choice.seconds if controls.ttl is None else controls.ttl,
            sampled=choice.keeps_sampled(asked),
            category=category,
            similar=self.similar.of(tenant) if chat and choice.takes_similar(asked) else None,
            patience=patience,
        )
        return CachedCall(caller, self.flights, plan, experts, fields)
