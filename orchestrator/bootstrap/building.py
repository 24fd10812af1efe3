"""Puts the services together."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import replace

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.call import ExpertCaller
from experts.calling.embedding import EmbeddingRegistry
from experts.calling.health import ExpertHealth
from experts.providers.interpreter import Interpreter
from orchestrator.assignments import service as assignment_service
from orchestrator.assignments.service import Assignments
from orchestrator.audit.log import AuditLog
from orchestrator.batches.parts import build_batching, build_files
from orchestrator.batches.plans import Planner
from orchestrator.bootstrap.parts import (
    allowed_addresses,
    breaker_settings,
    cache_encoder,
    call_rules,
    chat_pipeline,
    make_providers,
    residency_manager,
    router_versions,
    run_limits,
)
from orchestrator.bootstrap.secrets import encryption_keys, secret_store
from orchestrator.bootstrap.services import Services
from orchestrator.breakers import sharing as breaker_sharing
from orchestrator.breakers.sharing import SharedBreakers
from orchestrator.budgets.history import SpendHistory
from orchestrator.budgets.service import Budgets
from orchestrator.caching import book as choice_book
from orchestrator.caching.building import build_caching
from orchestrator.catalogue import service as catalogue_service
from orchestrator.catalogue.secrets import cipher_of
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.guarding import guarded
from orchestrator.chat.stickiness import Sessions
from orchestrator.chat.trying import Trials
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.panel import Reliability
from orchestrator.feedback import findings
from orchestrator.feedback.service import FeedbackService
from orchestrator.guardrails.building import build_guardrails
from orchestrator.job_kinds.parts import build_job_kinds
from orchestrator.job_kinds.service import JobStarter
from orchestrator.kit.away import Away
from orchestrator.kit.changes import ChangeFeed, Refresh
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.kit.together import Together
from orchestrator.lessons import repository as lessons_repository
from orchestrator.lessons.store import PostgresLessons
from orchestrator.login.assembly import build_login
from orchestrator.login.throttle import Throttle
from orchestrator.overview.experts import ExpertWatch
from orchestrator.residency.service import Residency
from orchestrator.routers import lifecycle
from orchestrator.routers.latency import LatencyWatch
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.routers.shadow import ShadowLog
from orchestrator.routers.workbench.live import Feedback as Opinions
from orchestrator.routers.workbench.service import Workbench
from orchestrator.runs.budget import RunBudgets
from orchestrator.runs.parts import build_runs
from orchestrator.system.service import System
from orchestrator.telemetry.metrics import Metrics
from orchestrator.telemetry.slow import SlowRequests
from orchestrator.telemetry.state import State
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
from orchestrator.usage.record import UsageRecord
from orchestrator.usage.spending import Spending
from orchestrator.usage.spool import Spool
from router import Router

REDIS_TIMEOUT = 5.0
"""Seconds until Redis has to have answered."""


def build(
    settings: Settings,
    router: Router,
    engine: AsyncEngine,
    redis: Redis,
    waiting: Redis,
    urls: StoreUrls,
    environ: Mapping[str, str] | None,
    reliability: Reliability | None,
) -> tuple[Services, ChangeFeed]:
    """Return the services, and the feed that keeps them up to date; nothing is begun yet."""
    instance = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    spool = Spool(settings.data_dir / "usage.spool")
    refreshes: dict[str, Refresh] = {}
    feed = ChangeFeed(waiting, refreshes)
    keys = KeyRing(engine, feed.announce)
    audit = AuditLog(engine)
    health = ExpertHealth(breaker_settings(settings))
    store = secret_store(settings, engine, feed, environ, health.rekeyed)
    active = ActiveRouter(router, exploration=settings.exploration, down=health.down)
    addresses = allowed_addresses(settings)
    catalogue = CatalogueService(
        engine, store, feed.announce, active.prepare, health.forget, addresses
    )
    refreshes[key_service.TOPIC] = keys.refresh
    refreshes[catalogue_service.TOPIC] = catalogue.refresh
    metrics = Metrics()
    residency = residency_manager(settings, metrics.residency)
    providers = make_providers(addresses, residency, settings.residency_servers)
    rules = call_rules(settings)
    caller = ExpertCaller(providers, store.resolve, health, rules)
    embedder = ExpertCaller(EmbeddingRegistry(providers), store.resolve, health, rules)
    breakers = SharedBreakers(redis, health, lambda: catalogue.current, feed.announce, instance)
    refreshes[breaker_sharing.TOPIC] = breakers.refresh
    interpreter = Interpreter()
    limits = LimitBook(engine, feed.announce)
    refreshes[limit_book.TOPIC] = limits.refresh
    away = Away()
    together = Together(waiting, REDIS_TIMEOUT)
    shared = RedisLimits(redis, together=together)
    limiter = Limiter(limits, shared, Spending(engine).of, Replicas(redis, instance), away)
    slow = SlowRequests(settings.slow_request_seconds)

    def seen(record: UsageRecord) -> None:
        metrics.seen(record)
        slow.seen(record)

    journal = UsageJournal(redis, spool, instance, limiter, away, seen, together)
    shadows = ShadowLog(engine)
    outcomes = OutcomeMemory(redis, waiting, settings.memory, lambda: active.router.embedder)
    active.observed_by(shadows.observe)
    versions = router_versions(settings, engine, feed, active, catalogue)
    refreshes[lifecycle.TOPIC] = versions.notify
    assignments = Assignments(engine, feed.announce)
    refreshes[assignment_service.TOPIC] = assignments.refresh
    lessons = PostgresLessons(engine, router.embedder)
    knowledge = Knowledge(reliability, lessons)
    guardrails = build_guardrails(settings)
    sessions = Sessions(redis)
    caching = build_caching(
        settings,
        engine,
        redis,
        feed.announce,
        router.embedder,
        cache_encoder(settings),
        together.run,
    )
    refreshes[choice_book.TOPIC] = caching.book.refresh
    chat = chat_pipeline(
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
        caching,
    )
    runs = build_runs(
        engine,
        redis,
        urls.redis,
        store.seal,
        run_limits(settings),
        RunBudgets(engine, limiter, settings.runs_open),
    )
    planner = Planner(
        catalogue, active, outcomes, settings.default_policy, settings.reserved_tokens
    )
    files = build_files(settings, engine)
    feedback = FeedbackService(
        engine, outcomes, keys.changed, lessons_repository.erase, lessons.corrected
    )
    started = build_job_kinds(settings, files, feedback, versions, caller, catalogue)
    batching = build_batching(
        settings,
        engine,
        redis,
        files,
        started,
        planner,
        caller,
        embedder,
        guardrails,
        journal,
        limiter,
    )
    services = Services(
        settings=settings,
        engine=engine,
        redis=redis,
        keys=keys,
        tenants=Tenants(engine, keys.changed),
        limits=limits,
        limiter=limiter,
        budgets=Budgets(engine, limiter, SpendHistory(engine)),
        audit=audit,
        login=build_login(
            settings,
            engine,
            keys,
            Throttle(redis, away),
            audit,
            cipher_of(encryption_keys(settings)),
        ),
        secrets=store,
        catalogue=catalogue,
        router=active,
        routers=versions,
        workbench=Workbench(
            versions,
            lambda: catalogue.current,
            engine,
            Opinions(findings.of_version, findings.scores_of),
        ),
        shadows=shadows,
        outcomes=outcomes,
        latencies=LatencyWatch(engine, catalogue),
        caller=caller,
        breakers=breakers,
        residency=Residency(residency, providers, lambda: catalogue.current.experts, store.resolve),
        sessions=sessions,
        caching=caching,
        feedback=feedback,
        journal=journal,
        drain=UsageDrain(engine, waiting, spool, instance),
        interpreter=interpreter,
        knowledge=knowledge,
        lessons=lessons,
        assignments=assignments,
        chat=guarded(chat, guardrails, journal),
        embeddings=guarded(
            replace(chat, caller=embedder, reserved_tokens=0), guardrails.of_requests, journal
        ),
        trials=Trials(chat, guardrails, journal, catalogue),
        guardrails=guardrails,
        runs=runs,
        jobs=batching.jobs,
        files=batching.files,
        batches=batching.batches,
        kinds=batching.kinds,
        starter=JobStarter(batching.jobs, files, started),
        metrics=metrics,
        state=State(health, redis, spool.path, runs.queue.waiting, residency.memory),
        watch=ExpertWatch(engine),
        system=System(engine, redis, runs.queue, settings.data_dir, spool.path, instance),
    )
    return services, feed
