"""``/admin/api/overview``: what a range of time came to, what needs attention, experts with their figures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from experts.catalogue.expert import Expert
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.kit.registry import registry_reached
from orchestrator.overview import experts as rows
from orchestrator.overview.attention import attention_to
from orchestrator.overview.baseline import best_single
from orchestrator.overview.gathering import circumstances
from orchestrator.overview.questions import ExpertsQuery, OverviewQuery, question_of, refuse
from orchestrator.overview.schemas import ExpertFigures, ExpertPage, Overview
from orchestrator.overview.service import Names, overview_of, requests_by_category, summary_of
from orchestrator.overview.sources import Sources
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role
from orchestrator.tenants.tables import tenants
from orchestrator.usage.sums.ranges import TooManyBuckets

router = APIRouter(
    prefix="/admin/api/overview",
    tags=["overview"],
    dependencies=[Depends(require_role(Role.VIEWER))],
    responses=errors(400, 401, 403, 503),
)


def _sources(request: Request) -> Sources:
    return Sources.of(request.app.state.services)


def _watch(request: Request) -> rows.ExpertWatch:
    watch: rows.ExpertWatch = request.app.state.services.watch
    return watch


Where = Annotated[Sources, Depends(_sources)]
Watch = Annotated[rows.ExpertWatch, Depends(_watch)]


@router.get("", response_model=Overview)
async def get_overview(
    sources: Where, watch: Watch, query: Annotated[OverviewQuery, Query()]
) -> Response:
    """Sum up a range of time, compare it with the one before, and say what needs attention now."""
    now = datetime.now(UTC)
    question = question_of(query, now)
    with registry_reached():
        summary = await summary_of(sources.engine, question, now)
        attention = attention_to(await circumstances(sources, await watch.lately(), now))
        names = await _names(sources, list(summary.by["tenant"]))
    pool = sources.router.pool(sources.catalogue)
    baseline = best_single(pool, sources.catalogue.experts, requests_by_category(summary))
    try:
        return _json(overview_of(summary, baseline, names, attention))
    except TooManyBuckets as error:
        refuse("bucket", str(error))


@router.get("/experts", response_model=ExpertPage)
async def list_expert_figures(
    sources: Where, watch: Watch, query: Annotated[ExpertsQuery, Query()]
) -> Response:
    """List the experts with their health and what they did in the last hour and day."""
    begin = _begin(query.after)
    with registry_reached():
        did = await watch.lately()
        places = (
            rows.place_of(expert, sources, did)
            for expert in sources.catalogue.experts.values()
            if _fits(expert, query)
        )
        found = [one for one in places if query.health in {None, one.health}]
        found.sort(key=rows.order_of(query.sort, did), reverse=query.sort == "-name")
        shown = found[begin : begin + query.limit]
        data = await _shown(shown, sources, did)
    more = begin + len(shown) < len(found)
    page = ExpertPage(
        data=data,
        has_more=more,
        next=str(begin + len(shown)) if more else None,
        total=len(found),
    )
    return _json(page)


@router.get("/experts/{expert_id}", responses=errors(404))
async def get_expert_figures(sources: Where, watch: Watch, expert_id: str) -> ExpertFigures:
    """Show one expert with its health and what it did in the last hour and day."""
    expert = sources.catalogue.experts.get(expert_id)
    if expert is None:
        raise ApiError(404, "expert_not_found", "There is no such expert.", param="expert_id")
    with registry_reached():
        did = await watch.lately()
        return (await _shown([rows.place_of(expert, sources, did)], sources, did))[0]


async def _shown(
    places: list[rows.Place], sources: Sources, did: rows.Lately
) -> list[ExpertFigures]:
    async with sources.engine.connect() as connection:
        ids = [place.expert.id for place in places]
        failed = await rows.last_errors(connection, ids, datetime.now(UTC))
    in_memory = await rows.residency_by_expert(sources)
    return [
        rows.figures_of(place, sources, did, in_memory.get(id_), failed.get(id_))
        for id_, place in zip(ids, places, strict=True)
    ]


def _json(answer: BaseModel) -> Response:
    """Return an answer that is large and known to be right, without it being looked through again."""
    return Response(answer.model_dump_json(), media_type="application/json")


def _fits(expert: Expert, query: ExpertsQuery) -> bool:
    if query.provider is not None and expert.provider != query.provider:
        return False
    if query.tag is not None and query.tag not in expert.tags:
        return False
    wanted = (query.q or "").casefold()
    texts = (expert.id, expert.name, expert.model, *expert.tags)
    return not wanted or any(wanted in text.casefold() for text in texts)


def _begin(after: str | None) -> int:
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 10):
        refuse("after", "'after' is no place in this list.")
    return int(after or 0)


async def _names(sources: Sources, tenant_ids: list[str]) -> Names:
    async with sources.engine.connect() as connection:
        query = sa.select(tenants.c.id, tenants.c.name).where(tenants.c.id.in_(tenant_ids))
        named = {id_: name or "" for id_, name in await connection.execute(query)}
    categories = sources.router.router.taxonomy.categories
    return Names(
        expert={id_: rows.shown_name(one) for id_, one in sources.catalogue.experts.items()},
        category={one.id: one.name for one in categories},
        tenant=named,
    )
