"""``/admin/api/routers/{id}/scores``: experts by category."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Page, errors, page
from orchestrator.routers.translation import translated
from orchestrator.routers.version_endpoints import UPLOAD_PATH, VersionPath
from orchestrator.routers.workbench.doors import Bench, Viewer, known
from orchestrator.routers.workbench.live import Found
from orchestrator.routers.workbench.scoring import PlaceUnknown, ScorePage, Sort

router = APIRouter(
    prefix=UPLOAD_PATH, tags=["router"], responses=errors(400, 401, 403, 404, 409, 503)
)
_Z95 = 1.959963984540054


class EvaluatedView(BaseModel):
    """What feedback has found since; the version does not go by it."""

    quality: float
    low: float
    high: float
    observations: int


class CellView(BaseModel):
    """What is expected of an expert in a category."""

    category: str
    quality: float = Field(description="0 to 1.")
    low: float | None = Field(description="Of the 95 % interval. Null for a prior.")
    high: float | None
    observations: float = Field(description="Scores behind it; parts where labels were soft.")
    source: Literal["measured", "prior"] = Field(
        description="`prior`: from size, price and tags of the expert; nobody judged its answers."
    )
    evaluated: EvaluatedView | None


class ExpertScores(BaseModel):
    """An expert in all categories."""

    expert: str
    enabled: bool
    measured: bool
    expected_quality: float = Field(description="Mean over the categories.")
    expected_cost_usd: float = Field(description="US dollars of a request of usual size.")
    cells: list[CellView]


@router.get("/{version_id}/scores")
async def list_router_scores(
    version_id: VersionPath,
    workbench: Bench,
    _: Viewer,
    q: Annotated[str, Query(max_length=200, description="Text in the expert's id.")] = "",
    sort: Sort = "-quality",
    limit: Annotated[int, Query(ge=1, le=200, description="Experts in one page.")] = 50,
    after: After = None,
) -> Page[ExpertScores]:
    """List the present experts with what a version expects of each, category by category."""
    try:
        with translated():
            found = await workbench.scoring.page(
                known(version_id), q=q, sort=sort, limit=limit, after=after
            )
    except PlaceUnknown as error:
        message = "after: not a place in this list"
        raise ApiError(400, "invalid_request", message, param="after") from error
    return page([_scores(found, row) for row in found.rows], limit, lambda one: one.expert)


def _scores(found: ScorePage, row: int) -> ExpertScores:
    pool, table = found.bench.pool, found.known
    expert = str(pool.ids[row])
    measured = bool(table.measured[row])
    quality = table.quality[:, row].tolist()
    error, counts = table.error[:, row].tolist(), table.observations[:, row].tolist()
    cells = []
    for index, category in enumerate(pool.category_ids):
        half = None if math.isnan(error[index]) else _Z95 * error[index]
        cells.append(
            CellView(
                category=category,
                quality=quality[index],
                low=None if half is None else max(0.0, quality[index] - half),
                high=None if half is None else min(1.0, quality[index] + half),
                observations=counts[index],
                source="measured" if measured else "prior",
                evaluated=_evaluated(found.found.get((expert, category))),
            )
        )
    return ExpertScores(
        expert=expert,
        enabled=bool(pool.available[row]),
        measured=measured,
        expected_quality=sum(quality) / len(quality),
        expected_cost_usd=float(found.usd[row]),
        cells=cells,
    )


def _evaluated(found: Found | None) -> EvaluatedView | None:
    if found is None:
        return None
    half = _Z95 * found.se
    return EvaluatedView(
        quality=found.mean,
        low=max(0.0, found.mean - half),
        high=min(1.0, found.mean + half),
        observations=found.n,
    )
