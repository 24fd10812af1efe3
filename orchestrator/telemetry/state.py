"""What holds at the moment of being asked: read then, not counted on the way of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from redis.asyncio import Redis
from redis.exceptions import RedisError

from experts.calling.health import ExpertHealth
from experts.residency.views import MemoryView
from orchestrator.telemetry.residency import memory_gauges
from orchestrator.usage.journal import STREAM

_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """Where the gauges are read.

    Args:
        health: Of the experts' endpoints.
        redis: Holds usage on its way to Postgres.
        spool: File of usage that waits for Redis.
        waiting: Counts the runs in the queue.
        memory: Tells how full the memory is that local models share.
    """

    health: ExpertHealth
    redis: Redis
    spool: Path
    waiting: Callable[[], Awaitable[int]]
    memory: Callable[[], MemoryView]

    async def gauges(self) -> list[GaugeMetricFamily]:
        """Return the gauges; those that Redis knows are missing while it is away."""
        found = [*self._of_endpoints(), self._of_spool(), *memory_gauges(self.memory())]
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                undrained = await self.redis.xlen(STREAM)
                queued = await self.waiting()
        except (RedisError, OSError, TimeoutError):
            return [*found, _gauge("coe_redis_up", "Whether Redis answers.", 0)]
        return [
            *found,
            _gauge("coe_redis_up", "Whether Redis answers.", 1),
            _gauge("coe_usage_undrained", "Usage records not yet in Postgres.", undrained),
            _gauge("coe_runs_queued", "Runs that wait for a worker.", queued),
        ]

    def _of_endpoints(self) -> Iterable[GaugeMetricFamily]:
        shut = GaugeMetricFamily(
            "coe_endpoint_breaker_open",
            "Whether an endpoint's circuit breaker is open (1) or tries again (0.5).",
            labels=("expert", "endpoint"),
        )
        busy = GaugeMetricFamily(
            "coe_endpoint_calls",
            "Calls of an endpoint that are under way from this process.",
            labels=("expert", "endpoint"),
        )
        for view in self.health.snapshot():
            place = view.expert, view.endpoint
            shut.add_metric(place, {"closed": 0.0, "half_open": 0.5}.get(view.state, 1.0))
            busy.add_metric(place, view.outstanding)
        return shut, busy

    def _of_spool(self) -> GaugeMetricFamily:
        size = self.spool.stat().st_size if self.spool.exists() else 0
        return _gauge("coe_usage_spool_bytes", "Usage that waits for Redis in a file.", size)


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)
