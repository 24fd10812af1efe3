"""What the service needs for runs, put together."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.conductor.limits import Limits
from orchestrator.kit.queue import RunQueue
from orchestrator.runs.budget import RunBudgets
from orchestrator.runs.live import TOLD, LiveEvents, Watchers, listen
from orchestrator.runs.service import RunService
from orchestrator.runs.watching import Watch
from orchestrator.runs.webhooks.service import Seal, WebhookService


@dataclass(frozen=True, slots=True)
class Runs:
    """Everything about runs that an endpoint may need, and a worker too.

    Args:
        service: Starts and steers them.
        watch: Tells what happens in them.
        webhooks: Tenants' webhooks.
        queue: The way to the workers.
        live: Events on their way from the workers.
        limits: What one run may use at most.
    """

    service: RunService
    watch: Watch
    webhooks: WebhookService
    queue: RunQueue
    live: LiveEvents
    limits: Limits

    def background(self, waiting: Redis) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what runs beside the requests.

        Args:
            waiting: A Redis without a time limit on its commands.
        """
        return self.live.run(), listen(waiting, TOLD, self.watch.watchers.wake)


def build_runs(
    engine: AsyncEngine,
    redis: Redis,
    redis_url: str,
    seal: Seal,
    limits: Limits,
    budgets: RunBudgets,
) -> Runs:
    """Put them together.

    Args:
        engine: Postgres.
        redis: With a time limit on each command.
        redis_url: Where it is.
        seal: Encrypts secrets of webhooks.
        limits: What one run may use at most.
        budgets: Reserves what runs may cost.
    """
    live = LiveEvents(redis)
    queue = RunQueue(redis, redis_url)
    return Runs(
        RunService(engine, live, queue.put, budgets),
        Watch(engine, live, Watchers()),
        WebhookService(engine, seal),
        queue,
        live,
        limits,
    )
