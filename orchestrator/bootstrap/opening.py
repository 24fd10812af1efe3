"""Opens the services, keeps them up to date in the background, and closes them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.bootstrap.building import REDIS_TIMEOUT, build
from orchestrator.bootstrap.parts import (
    allowed_addresses,
    read_reliability,
)
from orchestrator.bootstrap.services import Services
from orchestrator.bootstrap.upkeep import upkeep_tasks
from orchestrator.breakers.probing import Probes
from orchestrator.jobs.schedule import Schedule
from orchestrator.kit.changes import ChangeFeed, cancelled
from orchestrator.kit.database import make_engine
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from router import Router

_REDIS_CONNECTIONS = 50

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_services(
    settings: Settings,
    urls: StoreUrls,
    router: Router,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Services]:
    """Build everything, keep it up to date in the background, and close it at the end.

    The stores have to run and the schema has to be migrated.

    Args:
        settings: The settings.
        urls: Where the stores are.
        router: The router version that decides.
        environ: Where references to environment variables are looked up.

    Raises:
        StartError: If something cannot be built.
    """
    async with AsyncExitStack() as stack:
        reliability = await asyncio.to_thread(read_reliability, settings)
        engine = make_engine(urls.postgres)
        stack.push_async_callback(engine.dispose)
        # The feed and the drain wait for messages, so they have connections without a time limit.
        redis = await stack.enter_async_context(
            Redis.from_pool(
                # Many requests at once wait for a connection: none is refused one.
                BlockingConnectionPool.from_url(
                    urls.redis,
                    max_connections=_REDIS_CONNECTIONS,
                    timeout=REDIS_TIMEOUT,
                    socket_timeout=REDIS_TIMEOUT,
                    socket_connect_timeout=REDIS_TIMEOUT,
                    # A request must not wait for a Redis that is away: there is the spool.
                    # What took too long once is not waited for again.
                    retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
                )
            )
        )
        waiting = await stack.enter_async_context(Redis.from_url(urls.redis))
        services, feed = build(settings, router, engine, redis, waiting, urls, environ, reliability)
        stack.push_async_callback(services.caller.aclose)
        stack.push_async_callback(services.interpreter.aclose)
        stack.push_async_callback(services.guardrails.aclose)
        stack.push_async_callback(services.system.aclose)
        await services.journal.start(exclusive=urls.exclusive)
        stack.push_async_callback(services.journal.stop)
        stack.push_async_callback(services.limiter.stop)
        stack.push_async_callback(services.caching.flights.aclose)
        await services.keys.refresh()
        await services.limits.refresh()
        await services.caching.book.refresh()
        await services.catalogue.load()
        await services.breakers.refresh()
        await _rotate_secrets(services)
        await services.routers.refresh()
        await services.assignments.refresh()
        stack.push_async_callback(_flush, services)
        for work in (*_background(services, feed), *services.runs.background(waiting)):
            stack.push_async_callback(cancelled, asyncio.create_task(work))
        yield services


def _background(services: Services, feed: ChangeFeed) -> tuple[Coroutine[Any, Any, None], ...]:
    """Return what runs beside the requests, in the order in which it is begun."""
    return (
        feed.run(),
        services.keys.sightings.run(),
        services.journal.heartbeat(),
        services.limiter.run(),
        services.drain.run(),
        Schedule(services.engine, upkeep_tasks(services)).run(),
        services.routers.run(),
        services.shadows.run(),
        services.outcomes.run(),
        services.breakers.run(),
        services.sessions.run(),
        services.caching.similar.run(),
        Probes(services.breakers.health, allowed_addresses(services.settings)).run(),
        services.latencies.run(),
    )


async def _rotate_secrets(services: Services) -> None:
    """Encrypt with the first key of the setting whatever another of them has encrypted."""
    if not services.secrets.several_keys:
        return
    stored = await services.secrets.rotate()
    webhooks = await services.runs.webhooks.rotate(services.secrets.renewed)
    if stored or webhooks:
        log.info("encrypted anew with the first key: %d secrets, %d of webhooks", stored, webhooks)


async def _flush(services: Services) -> None:
    """Write out the usage that waits; what cannot be written stays where it is safe."""
    try:
        async with asyncio.timeout(services.settings.drain_timeout):
            await services.drain.flush()
    except (OSError, TimeoutError, RedisError, SQLAlchemyError) as error:
        log.warning("usage that waits is written out after the next start: %s", error)
