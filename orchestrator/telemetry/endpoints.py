"""``/metrics``, in the format that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from orchestrator.kit.pages import errors
from orchestrator.kit.siblings import Siblings
from orchestrator.telemetry.metrics import Metrics
from orchestrator.telemetry.siblings import joined, packed
from orchestrator.telemetry.state import State
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

PATH = "/metrics"
Writer = Callable[[CollectorRegistry], bytes]

router = APIRouter(tags=["operations"])
_viewer = require_role(Role.VIEWER)


@router.get(
    PATH,
    response_class=Response,
    responses={
        200: {
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/openmetrics-text": {"schema": {"type": "string"}},
            },
            "description": "Metrics; in OpenMetrics with exemplars.",
        },
        **errors(401, 403),
    },
)
async def metrics(request: Request) -> Response:
    """Tell Prometheus what this process has done and how it is, and its siblings where several share a port.

    Where OpenMetrics is accepted, buckets of histograms name the last request that fell into them.
    """
    services = request.app.state.services
    if not services.settings.metrics_public:
        await _viewer(request)
    write, media_type = choose_encoder(request.headers.get("accept", ""))
    siblings: Siblings | None = request.app.state.siblings
    if siblings is None:
        text = await exposition(services.metrics, services.state, write)
    else:
        text = await exposition_of_all(siblings, write)
    return Response(text, media_type=media_type)


async def exposition(metrics: Metrics, state: State, write: Writer) -> bytes:
    """Return all metrics as text; with thousands of series this takes a while, so in a thread."""
    gauges = await state.gauges()
    return await asyncio.to_thread(lambda: write(_collected([*metrics.families(), *gauges])))


async def exposition_of_all(siblings: Siblings, write: Writer) -> bytes:
    """Return the metrics of all worker processes as text."""
    states = await siblings.states()
    return await asyncio.to_thread(lambda: write(_registry(joined(states))))


async def own_state(metrics: Metrics, state: State) -> bytes:
    """Return all metrics as another worker process reads them."""
    gauges = await state.gauges()
    collected = [*metrics.families(), *gauges]
    return await asyncio.to_thread(lambda: packed(_collected(collected).collect()))


class _Ready:
    """A collector of what has been collected already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _collected(families: Iterable[Metric]) -> CollectorRegistry:
    registry = _registry(families)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def _registry(families: Iterable[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(families))
    return registry
