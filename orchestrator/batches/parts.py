"""Jobs, files and batches, put together."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.call import ExpertCaller
from orchestrator.batches.estimates import Estimator
from orchestrator.batches.kind import KIND, BatchKind
from orchestrator.batches.lines import CHAT, EMBEDDINGS
from orchestrator.batches.performing import Performer
from orchestrator.batches.plans import Planner
from orchestrator.batches.preparation import Preparation
from orchestrator.batches.results import ResultLines
from orchestrator.batches.service import BatchService, file_in_use
from orchestrator.files.service import FileService
from orchestrator.guardrails.service import Guardrails
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.service import CHANNEL, JobService
from orchestrator.kit.settings import Settings
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.journal import UsageJournal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batching:
    """Everything about jobs, files and batches that an endpoint may need, and a worker too.

    Args:
        jobs: Jobs of any kind.
        files: What callers upload.
        batches: What is made of it.
        kinds: The kinds of jobs.
    """

    jobs: JobService
    files: FileService
    batches: BatchService
    kinds: Kinds


def build_files(settings: Settings, engine: AsyncEngine) -> FileService:
    """Return what keeps files."""
    lines = ResultLines(engine)
    return FileService(engine, settings.job_retention, settings.files_bytes, lines, file_in_use)


def build_batching(
    settings: Settings,
    engine: AsyncEngine,
    redis: Redis,
    files: FileService,
    others: Kinds,
    planner: Planner,
    caller: ExpertCaller,
    embedder: ExpertCaller,
    guardrails: Guardrails,
    journal: UsageJournal,
    limiter: Limiter,
) -> Batching:
    """Put them together.

    Args:
        settings: The settings.
        engine: Postgres.
        redis: Over which workers are told to look.
        files: Keeps files.
        others: The other kinds of jobs.
        planner: Decides who answers.
        caller: Calls experts that chat.
        embedder: Calls experts that make vectors.
        guardrails: Judge requests and answers.
        journal: Of requests outside of batches.
        limiter: Knows who has a budget.
    """
    preparation = Preparation(engine, planner, settings.max_body_bytes, settings.batch_requests)
    performer = Performer(
        planner,
        {CHAT: caller, EMBEDDINGS: embedder},
        guardrails,
        journal,
        lambda asking: limiter.budgeted(Ask("", asking.tenant, asking.key_id)),
        settings.request_timeout,
    )
    kinds = {KIND: BatchKind(preparation, performer), **others}
    jobs = JobService(engine, kinds, _teller(redis))
    return Batching(jobs, files, BatchService(jobs, files, Estimator(engine, planner)), kinds)


def _teller(redis: Redis) -> Callable[[], Awaitable[None]]:
    async def tell() -> None:
        try:
            await redis.publish(CHANNEL, "look")
        except (RedisError, OSError) as error:
            log.debug("workers are not told, and will look: %s", error)

    return tell
