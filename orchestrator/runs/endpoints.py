"""``/v1/runs``: runs in the background."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from orchestrator.conductor.grounds import bounded
from orchestrator.conductor.picture import picture_of_run
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.kit.registry import registry_reached
from orchestrator.kit.searching import Searched
from orchestrator.runs import repository
from orchestrator.runs.events import EventId, parse_id
from orchestrator.runs.guarding import guarded_request
from orchestrator.runs.listing import NEWEST, Sort, Wanted
from orchestrator.runs.record import RunRequest, step_of
from orchestrator.runs.replay import Changes, StepUnknown
from orchestrator.runs.schemas import (
    RUN_ID,
    Decision,
    Refusal,
    ReplayChanges,
    ReplayWanted,
    RunDetail,
    RunView,
    RunWanted,
)
from orchestrator.runs.service import NotWaiting, RunEnded, RunService, RunUnknown, WebhookUnknown
from orchestrator.tenants.access import check_policy, require_role
from orchestrator.tenants.keys import Principal, Role
from router import NoEligibleExpert, routing_text

PATH = "/v1/runs"
EVENT_STREAM = "text/event-stream"
MERMAID = "text/vnd.mermaid"


def _runs(request: Request) -> RunService:
    service: RunService = request.app.state.services.runs.service
    return service


Service = Annotated[RunService, Depends(_runs)]
User = Annotated[Principal, Depends(require_role(Role.USER))]
RunPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{RUN_ID.pattern}$"})]
RunStatus = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events.", "content": {EVENT_STREAM: {}}}
}


_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture as text.", "content": {MERMAID: {}}}
}

router = APIRouter(prefix=PATH, tags=["runs"], responses=errors(400, 401, 403, 503))


@router.post("", status_code=202, responses=errors(402, 429))
async def start_run(
    body: RunWanted, request: Request, response: Response, service: Service, principal: User
) -> RunView:
    """Start a run. What it says and is told is stored, since that is what it is for."""
    services = request.app.state.services
    if body.strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise ApiError(
            400, "unknown_strategy", f"There is no such strategy. There are: {known}.",
            param="strategy",
        )  # fmt: skip
    _check_policy(request, principal, body.policy, "policy")
    limits = asdict(bounded(services.runs.limits, body.limits.chosen(), place=""))
    wanted = body.request(services.settings.default_policy, limits, principal.experts)
    wanted = await guarded_request(
        wanted,
        body.strategy,
        services.guardrails,
        services.journal,
        principal,
        request.state.request_id,
    )
    wanted = await _categorised(wanted, request, principal)
    with _translated():
        started = await service.start(
            principal,
            request.state.request_id,
            body.strategy,
            wanted,
            body.metadata,
            body.webhook,
        )
    response.headers.update(started.headers)
    return RunView.of(started.row, repository.NOTHING)


@router.get("")
async def list_runs(
    service: Service,
    principal: User,
    limit: Limit = 50,
    after: After = None,
    q: Searched = None,
    status: Annotated[RunStatus | None, Query()] = None,
    strategy: Annotated[str | None, Query(max_length=64)] = None,
    tenant: Annotated[
        str | None, Query(max_length=64, description="Only this tenant's; for an admin.")
    ] = None,
    sort: Annotated[
        Sort, Query(description="What comes first; with a `-` the latest, dearest, slowest.")
    ] = NEWEST,
) -> Page[RunView]:
    """List the runs of the key's tenant, the newest first; for an admin, everybody's."""
    if after is not None and not RUN_ID.fullmatch(after):
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
    with _translated():
        wanted = Wanted(q, status, strategy, tenant, sort)
        rows = await service.page(principal, wanted, limit=limit + 1, after=after)
    return page([RunView.of(*row) for row in rows], limit, lambda run: run.id)


@router.get("/{run_id}", responses=errors(404))
async def get_run(run_id: RunPath, service: Service, principal: User) -> RunDetail:
    """Show a run with its steps."""
    with _translated():
        return RunDetail.whole(*await service.get(principal, _known(run_id)))


@router.get("/{run_id}/graph", response_class=Response, responses=errors(404) | _PICTURE)
async def draw_run(run_id: RunPath, service: Service, principal: User) -> Response:
    """Draw the steps that a run has begun, as Mermaid; work below a step is inside it."""
    with _translated():
        _, _, steps = await service.get(principal, _known(run_id))
    picture = picture_of_run(step_of(row) for row in steps if row["number"] > 0)
    return Response(picture, media_type=MERMAID)


@router.get("/{run_id}/events", response_class=StreamingResponse, responses=errors(404) | _STREAM)
async def watch_run(
    run_id: RunPath,
    request: Request,
    service: Service,
    principal: User,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    after: Annotated[
        str | None, Query(max_length=64, description="The same, where there is no such header.")
    ] = None,
) -> StreamingResponse:
    """Stream what happens in a run as server-sent events, from the beginning or where one left off."""
    with _translated():
        await service.get(principal, _known(run_id))
    known = last_event_id or after
    last = EventId() if not known else parse_id(known)
    if last is None:
        raise ApiError(
            400, "invalid_request", "Last-Event-ID is not the id of an event.", param="after"
        )
    frames = request.app.state.services.runs.watch.frames(run_id, last)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(frames, media_type=EVENT_STREAM, headers=headers)


@router.post("/{run_id}/cancel", status_code=202, responses=errors(404, 409))
async def cancel_run(run_id: RunPath, service: Service, principal: User) -> RunView:
    """Cancel a run. A worker that is at it stops within seconds."""
    with _translated():
        await service.cancel(principal, _known(run_id))
    return await _shown(service, principal, run_id)


@router.post("/{run_id}/approve", responses=errors(404, 409))
async def approve_step(
    run_id: RunPath, body: Decision, service: Service, principal: User
) -> RunView:
    """Allow a step that waits for it."""
    with _translated():
        await service.allow(principal, _known(run_id), body.step)
    return await _shown(service, principal, run_id)


@router.post("/{run_id}/reject", responses=errors(404, 409))
async def reject_step(run_id: RunPath, body: Refusal, service: Service, principal: User) -> RunView:
    """Do not allow a step that waits for it: it counts as failed, and the run goes on."""
    with _translated():
        await service.refuse(principal, _known(run_id), body.step, body.reason)
    return await _shown(service, principal, run_id)


@router.post("/{run_id}/replay", status_code=202, responses=errors(402, 404, 429))
async def replay_run(
    run_id: RunPath,
    body: ReplayWanted,
    request: Request,
    response: Response,
    service: Service,
    principal: User,
) -> RunView:
    """Start a run that takes over the steps before one, and goes on from there."""
    changes = body.changes
    _check_policy(request, principal, changes.policy, "changes.policy")
    if changes.limits is not None:
        most = request.app.state.services.runs.limits
        bounded(most, changes.limits.chosen(), place="changes.")
    with _translated():
        started = await service.replay(
            principal,
            request.state.request_id,
            _known(run_id),
            body.from_step,
            _changes(changes),
            body.metadata,
            body.webhook,
        )
    response.headers.update(started.headers)
    return RunView.of(started.row, repository.NOTHING)


def _changes(wanted: ReplayChanges) -> Changes:
    request: dict[str, Any] = {}
    if wanted.policy is not None:
        request["policy"] = wanted.policy
    if wanted.limits is not None:
        request["limits"] = wanted.limits.chosen()
    if wanted.approval is not None:
        request["approval"] = tuple(wanted.approval)
    return Changes(wanted.instruction, wanted.expert, wanted.output, request)


async def _shown(service: RunService, principal: Principal, run_id: str) -> RunView:
    with _translated():
        row, spent, _ = await service.get(principal, run_id)
    return RunView.of(row, spent)


def _known(run_id: str) -> str:
    """Return the id if there can be such a run."""
    if not RUN_ID.fullmatch(run_id):
        raise RunUnknown(run_id)
    return run_id


def _check_policy(request: Request, principal: Principal, policy: str | None, param: str) -> None:
    if policy is not None:
        check_policy(principal, policy, param)
    policies = request.app.state.services.router.policies
    if policy is not None and policy not in policies:
        known = ", ".join(policies)
        raise ApiError(
            400, "invalid_request", f"There is no such policy. There are: {known}.", param=param
        )


async def _categorised(wanted: RunRequest, request: Request, principal: Principal) -> RunRequest:
    """Return the request with what the router says of its task, so that it is said once."""
    services, request_id = request.app.state.services, request.state.request_id
    check_policy(principal, wanted.policy, "policy")  # also where it is the default
    told = routing_text(list(wanted.messages))
    await services.router.encoded(told.text, request_id=request_id)
    asked = replace(told.request(wanted.policy), allowed=principal.experts)
    try:
        decision = services.router.decide(asked, services.catalogue.current, request_id=request_id)
    except NoEligibleExpert as error:
        raise ApiError(503, "no_eligible_expert", str(error)) from error
    return msgspec.structs.replace(
        wanted, category=decision.category, uncertainty=decision.uncertainty
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with registry_reached():
            yield
    except RunUnknown as error:
        raise ApiError(404, "run_not_found", "You have no such run.", param="run_id") from error
    except StepUnknown as error:
        raise ApiError(
            400, "unknown_step", "The run has not begun a step of this key.", param="from_step"
        ) from error
    except WebhookUnknown as error:
        raise ApiError(
            400, "unknown_webhook", "Your tenant has no such webhook.", param="webhook"
        ) from error
    except RunEnded as error:
        raise ApiError(409, "run_ended", f"The run is {error} already.") from error
    except NotWaiting as error:
        raise ApiError(409, "step_not_waiting", f"Nothing to decide: {error}.") from error
