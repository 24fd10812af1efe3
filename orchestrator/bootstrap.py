"""Builds the service from its settings and takes it down again: the one place that wires."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.call import ExpertCaller
from experts.calling.health import ExpertHealth
from experts.calling.registry import ProviderRegistry
from experts.providers.interpreter import Interpreter
from orchestrator.catalogue import service as catalogue_service
from orchestrator.catalogue.secrets import SecretKeyInvalid, SecretStore, generate_key, split_keys
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.pipeline import ChatPipeline
from orchestrator.chat.strategies import StrategyPipeline
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.panel import Reliability
from orchestrator.feedback.service import FeedbackService
from orchestrator.kit.changes import ChangeFeed, Refresh, cancelled
from orchestrator.kit.database import make_engine
from orchestrator.kit.errors import StartError
from orchestrator.kit.paths import write_private
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.lessons import repository as lessons_repository
from orchestrator.lessons.store import PostgresLessons
from orchestrator.routers import lifecycle
from orchestrator.routers.building import ahead, build_from, make_resolver
from orchestrator.routers.latency import LatencyWatch
from orchestrator.routers.lifecycle import RouterVersions
from orchestrator.routers.loading import make_loader
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.routers.shadow import ShadowLog
from orchestrator.runs.parts import Runs, build_runs
from orchestrator.tenants import service as key_service
from orchestrator.tenants.service import KeyRing
from orchestrator.usage.drain import UsageDrain
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.spool import Spool
from router import Router

_REDIS_TIMEOUT = 5.0
_CHECK_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything an endpoint may need."""

    settings: Settings
    engine: AsyncEngine
    redis: Redis
    keys: KeyRing
    secrets: SecretStore
    catalogue: CatalogueService
    router: ActiveRouter
    routers: RouterVersions
    shadows: ShadowLog
    outcomes: OutcomeMemory
    latencies: LatencyWatch
    caller: ExpertCaller
    journal: UsageJournal
    drain: UsageDrain
    chat: ChatPipeline
    feedback: FeedbackService
    runs: Runs
    interpreter: Interpreter
    knowledge: Knowledge
    lessons: PostgresLessons


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
        reliability = await asyncio.to_thread(_reliability, settings)
        engine = make_engine(urls.postgres)
        stack.push_async_callback(engine.dispose)
        # The feed and the drain wait for messages, so they have connections without a time limit.
        redis = await stack.enter_async_context(
            Redis.from_url(
                urls.redis,
                socket_timeout=_REDIS_TIMEOUT,
                socket_connect_timeout=_REDIS_TIMEOUT,
                # A request must not wait for a Redis that is away: there is the spool.
                retry=Retry(NoBackoff(), 1),
            )
        )
        waiting = await stack.enter_async_context(Redis.from_url(urls.redis))
        services, feed = _build(
            settings, router, engine, redis, waiting, urls, environ, reliability
        )
        stack.push_async_callback(services.caller.aclose)
        stack.push_async_callback(services.interpreter.aclose)
        await services.journal.start(exclusive=urls.exclusive)
        stack.push_async_callback(services.journal.stop)
        await services.keys.refresh()
        await services.catalogue.load()
        await services.routers.refresh()
        stack.push_async_callback(_flush, services)
        for work in (*_background(services, feed), *services.runs.background(waiting)):
            stack.push_async_callback(cancelled, asyncio.create_task(work))
        yield services


def _background(services: Services, feed: ChangeFeed) -> tuple[Coroutine[Any, Any, None], ...]:
    """Return what runs beside the requests, in the order in which it is begun."""
    return (
        feed.run(),
        services.journal.heartbeat(),
        services.drain.run(),
        services.routers.run(),
        services.shadows.run(),
        services.outcomes.run(),
        services.latencies.run(),
    )


async def readiness(services: Services) -> dict[str, str]:
    """Return, for each thing a request needs, ``ok`` or what is wrong with it."""

    async def postgres() -> None:
        async with services.engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def redis() -> None:
        await services.redis.exists("coe:ready")

    async def experts() -> None:
        if not any(c.available for c in services.catalogue.current.candidates):
            raise LookupError("the catalogue holds no enabled expert")

    checks = {"postgres": postgres, "redis": redis, "experts": experts}
    results = {}
    for name, check in checks.items():
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                await check()
            results[name] = "ok"
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what the check reports)
            results[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return results


async def _flush(services: Services) -> None:
    """Write out the usage that waits; what cannot be written stays where it is safe."""
    try:
        async with asyncio.timeout(services.settings.drain_timeout):
            await services.drain.flush()
    except (OSError, TimeoutError):
        return


def _build(
    settings: Settings,
    router: Router,
    engine: AsyncEngine,
    redis: Redis,
    waiting: Redis,
    urls: StoreUrls,
    environ: Mapping[str, str] | None,
    reliability: Reliability | None,
) -> tuple[Services, ChangeFeed]:
    instance = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    spool = Spool(settings.data_dir / "usage.spool")
    refreshes: dict[str, Refresh] = {}
    feed = ChangeFeed(waiting, refreshes)
    keys = KeyRing(engine, feed.announce)
    store = _secret_store(settings, engine, feed, environ)
    health = ExpertHealth()
    active = ActiveRouter(router, exploration=settings.exploration, down=health.down)
    catalogue = CatalogueService(engine, store, feed.announce, active.prepare, health.forget)
    refreshes[key_service.TOPIC] = keys.refresh
    refreshes[catalogue_service.TOPIC] = catalogue.refresh
    caller = ExpertCaller(ProviderRegistry(), store.resolve, health)
    interpreter = Interpreter()
    journal = UsageJournal(redis, spool, instance)
    shadows = ShadowLog(engine)
    outcomes = OutcomeMemory(redis, waiting, settings.memory, lambda: active.router.embedder)
    active.observed_by(shadows.observe)
    versions = _router_versions(settings, engine, feed, active, catalogue)
    refreshes[lifecycle.TOPIC] = versions.notify
    lessons = PostgresLessons(engine, router.embedder)
    knowledge = Knowledge(reliability, lessons)
    services = Services(
        settings=settings,
        engine=engine,
        redis=redis,
        keys=keys,
        secrets=store,
        catalogue=catalogue,
        router=active,
        routers=versions,
        shadows=shadows,
        outcomes=outcomes,
        latencies=LatencyWatch(engine, catalogue),
        caller=caller,
        feedback=FeedbackService(
            engine, outcomes, keys.changed, lessons_repository.erase, lessons.corrected
        ),
        journal=journal,
        drain=UsageDrain(engine, waiting, spool, instance),
        interpreter=interpreter,
        knowledge=knowledge,
        lessons=lessons,
        chat=_chat_pipeline(
            settings, catalogue, active, caller, journal, outcomes, interpreter, knowledge
        ),
        runs=build_runs(engine, redis, urls.redis, store.seal, run_limits(settings)),
    )
    return services, feed


def _chat_pipeline(
    settings: Settings,
    catalogue: CatalogueService,
    active: ActiveRouter,
    caller: ExpertCaller,
    journal: UsageJournal,
    outcomes: OutcomeMemory,
    interpreter: Interpreter,
    knowledge: Knowledge,
) -> ChatPipeline:
    strategies = StrategyPipeline(
        catalogue=catalogue,
        router=active,
        caller=caller,
        journal=journal,
        sandbox=Sandbox(interpreter),
        default_policy=settings.default_policy,
        limits=run_limits(settings),
        timeout=settings.request_timeout,
        knowledge=knowledge,
    )
    return ChatPipeline(
        catalogue=catalogue,
        router=active,
        caller=caller,
        journal=journal,
        outcomes=outcomes,
        strategies=strategies,
        default_policy=settings.default_policy,
        timeout=settings.request_timeout,
        first_token_timeout=settings.first_token_timeout,
    )


def _reliability(settings: Settings) -> Reliability | None:
    """Read what was taught about experts' answers.

    Raises:
        StartError: If there is no such thing, or it cannot be used.
    """
    directory = settings.reliability_dir
    if directory is None:
        return None
    from orchestrator.conductor.reliability import read
    from router.artifact import ArtifactInvalid

    try:
        return read(directory)
    except ArtifactInvalid as error:
        raise StartError(
            f"COE_RELIABILITY_DIR: {error}. 'coe conductor teach' writes what belongs there."
        ) from error


def run_limits(settings: Settings) -> Limits:
    """Return what one run may use."""
    return Limits(
        rounds=settings.run_rounds,
        calls=settings.run_calls,
        tokens=settings.run_tokens,
        usd=settings.run_usd,
        seconds=settings.run_seconds,
    )


def _router_versions(
    settings: Settings,
    engine: AsyncEngine,
    feed: ChangeFeed,
    active: ActiveRouter,
    catalogue: CatalogueService,
) -> RouterVersions:
    resolver = make_resolver(settings.embedders_dir, (active.router.embedder,), ahead)
    return RouterVersions(
        engine,
        active,
        make_loader(lambda artifact: build_from(artifact, resolver)),
        lambda: catalogue.current,
        feed.announce,
        settings.default_policy,
    )


def _secret_store(
    settings: Settings, engine: AsyncEngine, feed: ChangeFeed, environ: Mapping[str, str] | None
) -> SecretStore:
    try:
        return SecretStore(
            engine,
            _encryption_keys(settings),
            os.environ if environ is None else environ,
            feed.announce,
        )
    except SecretKeyInvalid as error:
        raise StartError(str(error)) from error


def _encryption_keys(settings: Settings) -> list[str]:
    """Return the given keys, or those of the data directory, made at the first start."""
    if settings.secret_key is not None:
        return split_keys(settings.secret_key.get_secret_value())
    path = settings.data_dir / "secret-key"
    if not path.exists():
        write_private(path, generate_key())
    return split_keys(path.read_text())
