"""Everything an endpoint may need, and whether it works."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.call import ExpertCaller
from experts.providers.interpreter import Interpreter
from orchestrator.assignments.service import Assignments
from orchestrator.audit.log import AuditLog
from orchestrator.batches.service import BatchService
from orchestrator.breakers.sharing import SharedBreakers
from orchestrator.budgets.service import Budgets
from orchestrator.caching.service import Caching
from orchestrator.catalogue.secrets import (
    SecretStore,
)
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.guarding import Chat
from orchestrator.chat.stickiness import Sessions
from orchestrator.chat.trying import Trials
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.feedback.service import FeedbackService
from orchestrator.files.service import FileService
from orchestrator.guardrails.service import Guardrails
from orchestrator.job_kinds.service import JobStarter
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.service import JobService
from orchestrator.kit.settings import Settings
from orchestrator.lessons.store import PostgresLessons
from orchestrator.login.service import Login
from orchestrator.overview.experts import ExpertWatch
from orchestrator.residency.service import Residency
from orchestrator.routers.latency import LatencyWatch
from orchestrator.routers.lifecycle import RouterVersions
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.routers.shadow import ShadowLog
from orchestrator.routers.workbench.service import Workbench
from orchestrator.runs.parts import Runs
from orchestrator.system.service import System
from orchestrator.telemetry.metrics import Metrics
from orchestrator.telemetry.state import State
from orchestrator.tenants.directory import Tenants
from orchestrator.tenants.limits.book import LimitBook
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.service import KeyRing
from orchestrator.usage.drain import UsageDrain
from orchestrator.usage.journal import UsageJournal

_CHECK_TIMEOUT = 2.0
_SPARED = frozenset({"postgres", "redis"})
"""What a request can do without for a while. All replicas lose a store at the same time: if they said that they
cannot serve, a balancer would have nobody left."""


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
    budgets: Budgets
    audit: AuditLog
    login: Login
    secrets: SecretStore
    catalogue: CatalogueService
    router: ActiveRouter
    routers: RouterVersions
    workbench: Workbench
    shadows: ShadowLog
    outcomes: OutcomeMemory
    latencies: LatencyWatch
    caller: ExpertCaller
    breakers: SharedBreakers
    residency: Residency
    sessions: Sessions
    caching: Caching
    journal: UsageJournal
    drain: UsageDrain
    chat: Chat
    embeddings: Chat
    """The same way, to vectors."""
    trials: Trials
    feedback: FeedbackService
    runs: Runs
    jobs: JobService
    files: FileService
    batches: BatchService
    kinds: Kinds
    """The kinds of jobs."""
    starter: JobStarter
    interpreter: Interpreter
    knowledge: Knowledge
    lessons: PostgresLessons
    assignments: Assignments
    guardrails: Guardrails
    metrics: Metrics
    state: State
    watch: ExpertWatch
    """What experts did lately."""
    system: System


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


def readiness_status(checks: Mapping[str, str]) -> str:
    """Return what the checks come to: ``ok``, ``degraded`` (a store is away) or ``not ready``."""
    wrong = {name for name, state in checks.items() if state != "ok"}
    return "not ready" if wrong - _SPARED else "degraded" if wrong else "ok"
