"""Builds the service from its settings and takes it down again: the one place that wires."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.breaker import BreakerSettings
from experts.calling.call import ExpertCaller
from experts.calling.embedding import EmbeddingRegistry
from experts.calling.health import ExpertHealth
from experts.calling.options import CallRules
from experts.calling.registry import ProviderRegistry
from experts.providers.addresses import AddressPolicy
from experts.providers.interpreter import Interpreter
from experts.providers.litellm import LiteLLMProvider
from experts.providers.openai import OpenAIProvider
from orchestrator.assignments import service as assignment_service
from orchestrator.assignments.service import Assignments
from orchestrator.audit.log import AuditLog
from orchestrator.breakers import sharing as breaker_sharing
from orchestrator.breakers.probing import Probes
from orchestrator.breakers.sharing import SharedBreakers
from orchestrator.catalogue import service as catalogue_service
from orchestrator.catalogue.secrets import (
    SecretKeyInvalid,
    SecretStore,
    cipher_of,
    generate_key,
    split_keys,
)
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.guarding import Chat, guarded
from orchestrator.chat.pipeline import ChatPipeline
from orchestrator.chat.stickiness import Sessions
from orchestrator.chat.strategies import StrategyPipeline
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.panel import Reliability
from orchestrator.feedback.service import FeedbackService
from orchestrator.guardrails.building import build_guardrails
from orchestrator.guardrails.service import Guardrails
from orchestrator.kit.away import Away
from orchestrator.kit.changes import ChangeFeed, Refresh, cancelled
from orchestrator.kit.database import make_engine
from orchestrator.kit.errors import StartError
from orchestrator.kit.paths import write_private
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.lessons import repository as lessons_repository
from orchestrator.lessons.store import PostgresLessons
from orchestrator.login.assembly import build_login
from orchestrator.login.service import Login
from orchestrator.routers import lifecycle
from orchestrator.routers.building import ahead, build_from, make_resolver
from orchestrator.routers.latency import LatencyWatch
from orchestrator.routers.lifecycle import RouterVersions
from orchestrator.routers.loading import make_loader
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.routers.shadow import ShadowLog
from orchestrator.runs.budget import RunBudgets
from orchestrator.runs.parts import Runs, build_runs
from orchestrator.tenants import service as key_service
from orchestrator.tenants.directory import Tenants
from orchestrator.tenants.limits import book as limit_book
from orchestrator.tenants.limits.book import LimitBook
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.limits.replicas import Replicas
from orchestrator.tenants.limits.script import RedisLimits
from orchestrator.tenants.service import KeyRing
from orchestrator.usage.drain import UsageDrain
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.spending import Spending
from orchestrator.usage.spool import Spool
from orchestrator.usage.upkeep import UsageUpkeep
from router import Router

_REDIS_TIMEOUT = 5.0
_REDIS_CONNECTIONS = 50
_CHECK_TIMEOUT = 2.0
_FAIR_SECONDS = 30.0
"""Whoever was given as long as this, and said nothing, is to blame for being late."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything an endpoint may need."""

    settings: Settings
    engine: AsyncEngine
    redis: Redis
    keys: KeyRing
    tenants: Tenants
    limits: LimitBook
    limiter: Limiter
    audit: AuditLog
    login: Login | None
    secrets: SecretStore
    catalogue: CatalogueService
    router: ActiveRouter
    routers: RouterVersions
    shadows: ShadowLog
    outcomes: OutcomeMemory
    latencies: LatencyWatch
    caller: ExpertCaller
    breakers: SharedBreakers
    sessions: Sessions
    journal: UsageJournal
    drain: UsageDrain
    chat: Chat
    embeddings: Chat
    """The same way, to vectors."""
    feedback: FeedbackService
    runs: Runs
    interpreter: Interpreter
    knowledge: Knowledge
    lessons: PostgresLessons
    assignments: Assignments
    guardrails: Guardrails


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
            Redis.from_pool(
                # Many requests at once wait for a connection: none is refused one.
                BlockingConnectionPool.from_url(
                    urls.redis,
                    max_connections=_REDIS_CONNECTIONS,
                    timeout=_REDIS_TIMEOUT,
                    socket_timeout=_REDIS_TIMEOUT,
                    socket_connect_timeout=_REDIS_TIMEOUT,
                    # A request must not wait for a Redis that is away: there is the spool.
                    # What took too long once is not waited for again.
                    retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
                )
            )
        )
        waiting = await stack.enter_async_context(Redis.from_url(urls.redis))
        services, feed = _build(
            settings, router, engine, redis, waiting, urls, environ, reliability
        )
        stack.push_async_callback(services.caller.aclose)
        stack.push_async_callback(services.interpreter.aclose)
        stack.push_async_callback(services.guardrails.aclose)
        await services.journal.start(exclusive=urls.exclusive)
        stack.push_async_callback(services.journal.stop)
        stack.push_async_callback(services.limiter.stop)
        await services.keys.refresh()
        await services.limits.refresh()
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
        services.journal.heartbeat(),
        services.limiter.run(),
        services.drain.run(),
        UsageUpkeep(services.engine, services.settings.usage_retention_days).run(),
        services.routers.run(),
        services.shadows.run(),
        services.outcomes.run(),
        services.breakers.run(),
        services.sessions.run(),
        Probes(services.breakers.health).run(),
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
    audit = AuditLog(engine)
    store = _secret_store(settings, engine, feed, environ)
    health = ExpertHealth(_breaker_settings(settings))
    active = ActiveRouter(router, exploration=settings.exploration, down=health.down)
    addresses = AddressPolicy.parse(settings.private_addresses, "COE_PRIVATE_ADDRESSES")
    catalogue = CatalogueService(
        engine, store, feed.announce, active.prepare, health.forget, addresses
    )
    refreshes[key_service.TOPIC] = keys.refresh
    refreshes[catalogue_service.TOPIC] = catalogue.refresh
    providers = _providers(addresses)
    rules = _call_rules(settings)
    caller = ExpertCaller(providers, store.resolve, health, rules)
    embedder = ExpertCaller(EmbeddingRegistry(providers), store.resolve, health, rules)
    breakers = SharedBreakers(redis, health, lambda: catalogue.current, feed.announce, instance)
    refreshes[breaker_sharing.TOPIC] = breakers.refresh
    interpreter = Interpreter()
    limits = LimitBook(engine, feed.announce)
    refreshes[limit_book.TOPIC] = limits.refresh
    away = Away()
    limiter = Limiter(
        limits, RedisLimits(redis), Spending(engine).of, Replicas(redis, instance), away
    )
    journal = UsageJournal(redis, spool, instance, limiter, away)
    shadows = ShadowLog(engine)
    outcomes = OutcomeMemory(redis, waiting, settings.memory, lambda: active.router.embedder)
    active.observed_by(shadows.observe)
    versions = _router_versions(settings, engine, feed, active, catalogue)
    refreshes[lifecycle.TOPIC] = versions.notify
    assignments = Assignments(engine, feed.announce)
    refreshes[assignment_service.TOPIC] = assignments.refresh
    lessons = PostgresLessons(engine, router.embedder)
    knowledge = Knowledge(reliability, lessons)
    guardrails = build_guardrails(settings)
    sessions = Sessions(redis)
    chat = _chat_pipeline(
        settings,
        catalogue,
        active,
        caller,
        journal,
        outcomes,
        interpreter,
        knowledge,
        assignments,
        sessions,
    )
    services = Services(
        settings=settings,
        engine=engine,
        redis=redis,
        keys=keys,
        tenants=Tenants(engine, keys.changed),
        limits=limits,
        limiter=limiter,
        audit=audit,
        login=build_login(
            settings, engine, keys.changed, audit, cipher_of(_encryption_keys(settings))
        ),
        secrets=store,
        catalogue=catalogue,
        router=active,
        routers=versions,
        shadows=shadows,
        outcomes=outcomes,
        latencies=LatencyWatch(engine, catalogue),
        caller=caller,
        breakers=breakers,
        sessions=sessions,
        feedback=FeedbackService(
            engine, outcomes, keys.changed, lessons_repository.erase, lessons.corrected
        ),
        journal=journal,
        drain=UsageDrain(engine, waiting, spool, instance),
        interpreter=interpreter,
        knowledge=knowledge,
        lessons=lessons,
        assignments=assignments,
        chat=guarded(chat, guardrails),
        embeddings=guarded(
            replace(chat, caller=embedder, reserved_tokens=0), guardrails.of_requests
        ),
        guardrails=guardrails,
        runs=build_runs(
            engine,
            redis,
            urls.redis,
            store.seal,
            run_limits(settings),
            RunBudgets(engine, limiter, settings.runs_open),
        ),
    )
    return services, feed


def _breaker_settings(settings: Settings) -> BreakerSettings:
    return BreakerSettings(
        cool_down=settings.breaker_cool_down, slow_seconds=settings.first_token_timeout / 2
    )


def _call_rules(settings: Settings) -> CallRules:
    return CallRules(
        fair_timeout=min(settings.request_timeout / 4, _FAIR_SECONDS),
        fair_first_token=min(settings.first_token_timeout / 4, _FAIR_SECONDS),
        hedge=settings.hedge,
    )


def _providers(addresses: AddressPolicy) -> ProviderRegistry:
    """Return the providers; those that make connections know where these may lead."""
    return ProviderRegistry(
        {"openai": OpenAIProvider(addresses=addresses), "litellm": LiteLLMProvider(addresses)}
    )


def _chat_pipeline(
    settings: Settings,
    catalogue: CatalogueService,
    active: ActiveRouter,
    caller: ExpertCaller,
    journal: UsageJournal,
    outcomes: OutcomeMemory,
    interpreter: Interpreter,
    knowledge: Knowledge,
    assignments: Assignments,
    sessions: Sessions,
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
        assignments=assignments,
    )
    return ChatPipeline(
        catalogue=catalogue,
        router=active,
        caller=caller,
        journal=journal,
        outcomes=outcomes,
        strategies=strategies,
        sessions=sessions,
        default_policy=settings.default_policy,
        timeout=settings.request_timeout,
        first_token_timeout=settings.first_token_timeout,
        reserved_tokens=settings.reserved_tokens,
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
        depth=settings.run_depth,
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
