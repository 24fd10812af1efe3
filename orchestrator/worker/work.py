"""What a worker does, on one event loop: runs, jobs, what is scheduled, webhooks."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from os import getpid
from typing import Any

from redis.asyncio import Redis

from orchestrator.bootstrap import Services, open_services
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.jobs.money import Budgets
from orchestrator.jobs.schedule import Task
from orchestrator.jobs.service import CHANNEL
from orchestrator.jobs.working import JobRules, JobWorker
from orchestrator.kit.changes import cancelled
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.runs.execution import Executor
from orchestrator.runs.live import STEERED, listen
from orchestrator.runs.record import RunRequest
from orchestrator.runs.recorder import Recorder
from orchestrator.runs.runner import Runner
from orchestrator.runs.upkeep import Upkeep
from orchestrator.runs.webhooks.addresses import webhook_addresses
from orchestrator.runs.webhooks.sending import WebhookSender
from orchestrator.telemetry.tracing import traced
from orchestrator.tenants.limits.script import RedisLimits
from router import Router

_FORGET_SECONDS = 600.0
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Work:
    """A worker's parts.

    Args:
        services: Those of the service.
        runner: Does runs.
        jobs: Does items of jobs.
    """

    services: Services
    runner: Runner
    jobs: JobWorker


@asynccontextmanager
async def open_work(settings: Settings, urls: StoreUrls, router: Router) -> AsyncIterator[Work]:
    """Build everything a worker needs, and close it at the end; its runs are given back then.

    Args:
        settings: The settings.
        urls: Where the stores are.
        router: The router that decides until a stored one does.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(traced(settings, "worker"))
        services = await stack.enter_async_context(open_services(settings, urls, router))
        waiting = await stack.enter_async_context(Redis.from_url(urls.redis))
        news = asyncio.Event()
        name = f"{socket.gethostname()}-{getpid()}-{secrets.token_hex(4)}"
        recorder = Recorder(services.engine, services.runs.live)
        runner = Runner(
            Executor(
                engine=services.engine,
                recorder=recorder,
                live=services.runs.live,
                experts=_experts(services),
                interpreter=Sandbox(services.interpreter),
                settled=news.set,
                budgets=services.runs.service.budgets,
                knowledge=services.knowledge,
                guardrails=services.guardrails,
            ),
            worker=name,
            capacity=settings.worker_runs,
            lease=settings.run_lease,
        )
        jobs = make_job_worker(services, name, settings)
        for work in (
            recorder.run(),
            runner.keep_leases(),
            services.runs.service.budgets.run(),
            listen(waiting, STEERED, lambda _: runner.steered.set()),
            listen(waiting, CHANNEL, lambda _: jobs.wake()),
            _sender(services).run(news),
        ):
            stack.push_async_callback(cancelled, asyncio.create_task(work))
        await stack.enter_async_context(
            services.system.announced(
                "worker",
                identity=name,
                state=_working,
                busy=lambda: {"runs": runner.busy, "items": len(jobs.dispatcher.lanes.tasks)},
            )
        )
        await stack.enter_async_context(jobs.working())
        stack.push_async_callback(_give_back, runner, services)
        yield Work(services, runner, jobs)


async def _working() -> str:
    return "working"


def warm_up() -> None:
    """Import what the strategies need and put their graphs together once: it takes a second."""
    for strategy in STRATEGIES.values():
        strategy.flow().compile()


def _experts(services: Services) -> Any:
    def make(run_id: str, request: RunRequest) -> CatalogueExperts:
        return CatalogueExperts(
            services.catalogue.current,
            services.router,
            services.caller,
            run_id,
            allowed=None if request.experts is None else frozenset(request.experts),
            timeout=services.settings.request_timeout,
        )

    return make


def _upkeep(services: Services) -> Upkeep:
    return Upkeep(
        services.engine,
        services.runs.queue.put,
        services.runs.queue.waiting,
        services.settings.run_retention,
    )


def make_job_worker(services: Services, name: str, settings: Settings) -> JobWorker:
    """Return what does a worker's part in jobs; nothing is begun yet.

    Args:
        services: Those of the service.
        name: Unique name of this process.
        settings: The settings.
    """
    budgets = Budgets(services.limiter, services.limits, RedisLimits(services.redis))
    rules = JobRules(
        settings.worker_items, settings.run_lease, settings.job_retention, settings.tenant_weights
    )
    runs = _upkeep(services)
    tasks = (
        Task("files.forget", _FORGET_SECONDS, services.files.forget_old),
        Task("runs.look", min(_LOOK_SECONDS, settings.run_lease), runs.requeue),
        Task("runs.forget", _FORGET_SECONDS, runs.forget_old),
    )
    return JobWorker(
        services.engine, services.kinds, budgets, rules, name, services.metrics.seen, tasks
    )


def _sender(services: Services) -> WebhookSender:
    allowed = webhook_addresses(services.settings.webhook_private_addresses)
    return WebhookSender(services.engine, services.secrets.unseal, allowed)


async def _give_back(runner: Runner, services: Services) -> None:
    for run_id in await runner.stop():
        await services.runs.queue.put(run_id)
