"""``/metrics``, in the format that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from orchestrator.kit.pages import errors
from orchestrator.telemetry.metrics import Metrics
from orchestrator.telemetry.state import State
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

PATH = "/metrics"

router = APIRouter(tags=["operations"])
_viewer = require_role(Role.VIEWER)


@router.get(
    PATH,
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics."},
        **errors(401, 403),
    },
)
async def metrics(request: Request) -> Response:
    """Tell Prometheus what this process has done and how it is."""
    services = request.app.state.services
    if not services.settings.metrics_public:
        await _viewer(request)
    text = await exposition(services.metrics, services.state)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def exposition(metrics: Metrics, state: State) -> bytes:
    """Return all metrics as text; with thousands of series this takes a while, so in a thread."""
    gauges = await state.gauges()
    return await asyncio.to_thread(lambda: _written([*metrics.families(), *gauges]))


class _Ready:
    """A collector of what has been collected already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _written(families: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_Ready(families))
    return generate_latest(registry)
