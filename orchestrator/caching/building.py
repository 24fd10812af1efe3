"""Puts the cache together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.cache.flights import Flights
from experts.cache.similar.log import SimilarLog
from experts.cache.store import CacheStore, Limits, Send
from orchestrator.caching.book import ChoiceBook
from orchestrator.caching.choice import Choice
from orchestrator.caching.confirming import Embedder, Encoder, InThread
from orchestrator.caching.service import Caching
from orchestrator.caching.similar import SimilarCaches
from orchestrator.kit.settings import Settings


def build_caching(
    settings: Settings,
    engine: AsyncEngine,
    redis: Redis,
    announce: Callable[[str], Awaitable[None]],
    embedder: Embedder,
    encoder: Encoder | None = None,
    send: Send | None = None,
) -> Caching:
    """Return what has answers that are kept; nothing is begun yet.

    Args:
        settings: The settings.
        engine: Where tenants' choices are.
        redis: Where answers are kept.
        announce: Tells other replicas of a change.
        embedder: Tells which requests are alike.
        encoder: Confirms that, where there is one.
        send: Sends what every request asks Redis, with the commands of others.
    """
    usual = Choice(settings.cache, settings.cache_seconds)
    limits = Limits(settings.cache_entry_bytes, settings.cache_tenant_bytes)
    store = CacheStore(redis, limits, send=send)
    book = ChoiceBook(engine, announce, usual)
    confirms = None if encoder is None else InThread(encoder)
    similar = SimilarCaches(store, SimilarLog(redis), embedder, book.similar, confirms)
    return Caching(book, store, Flights(store), similar)
