"""``/admin/api/routers/{id}/diagnostics`` and ``projection``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.kit.pages import errors
from orchestrator.routers.translation import translated
from orchestrator.routers.version_endpoints import UPLOAD_PATH, VersionPath
from orchestrator.routers.workbench.diagnosis_schemas import (
    NOTES,
    DiagnosticsView,
    Known,
    LiveView,
    ProjectionView,
)
from orchestrator.routers.workbench.doors import Bench, Viewer, known
from orchestrator.routers.workbench.figures import NOTHING, figures_of

router = APIRouter(
    prefix=UPLOAD_PATH, tags=["router"], responses=errors(400, 401, 403, 404, 409, 503)
)
Days = Annotated[int, Query(ge=1, le=365, description="Of requests that are looked at.")]


@router.get("/{version_id}/diagnostics")
async def get_router_diagnostics(
    version_id: VersionPath, workbench: Bench, _: Viewer, days: Days = 30
) -> DiagnosticsView:
    """Show how well a version tells kinds of requests apart, as measured and as it goes."""
    with translated():
        found = await workbench.diagnostics.of(known(version_id), days)
    source: Known = "none"
    if found.report is not None:
        source = "report"
    elif found.examples is not None:
        source = "held_out_examples"
    measured = found.report if found.report is not None else found.examples
    figures = NOTHING if measured is None else figures_of(measured)
    return DiagnosticsView(
        version_id=version_id,
        version=found.bench.router.version,
        source=source,
        note=NOTES[source],
        prompts=figures.prompts,
        accuracy=figures.accuracy,
        confusion=figures.confusion,
        reliability=figures.reliability,
        risk_coverage=figures.risk_coverage,
        out_of_scope=figures.out_of_scope,
        live=LiveView.of(days, found.live),
    )


@router.get("/{version_id}/projection")
async def get_router_projection(
    version_id: VersionPath,
    workbench: Bench,
    _: Viewer,
    requests: Annotated[int, Query(ge=0, le=1000, description="Drawn at most.")] = 500,
    days: Days = 30,
) -> ProjectionView:
    """Draw a version's examples, and its requests of tenants that let their texts be kept.

    At most 2,000 points; the same every time for the same prompts.
    """
    with translated():
        return ProjectionView.of(await workbench.diagnostics.map(known(version_id), requests, days))
