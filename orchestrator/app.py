"""The ASGI application: routes, errors and documentation around the services."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from experts import tracing
from orchestrator.assignments import endpoints as strategies
from orchestrator.audit import endpoints as audit
from orchestrator.audit.states import States
from orchestrator.audit.watch import Audited
from orchestrator.batches import endpoints as batches
from orchestrator.bootstrap import Services, readiness, readiness_status
from orchestrator.breakers import endpoints as breakers
from orchestrator.budgets import endpoints as budgets
from orchestrator.caching import endpoints as caching
from orchestrator.catalogue import endpoints as catalogue
from orchestrator.chat import endpoints as chat
from orchestrator.chat import trying_endpoints as trying
from orchestrator.chat.openapi import chat_paths
from orchestrator.dialects import ROUTES as DIALECTS
from orchestrator.dialects import MessagesErrors
from orchestrator.dialects.openapi import dialect_paths
from orchestrator.evaluations import admission_endpoints as admissions
from orchestrator.feedback import endpoints as feedback
from orchestrator.files import endpoints as files
from orchestrator.job_kinds import endpoints as job_kinds
from orchestrator.jobs import endpoints as jobs
from orchestrator.kit.draining import Stopping
from orchestrator.kit.headers import with_cors
from orchestrator.kit.http import RequestFrame, install_error_handlers
from orchestrator.kit.inbound import InboundLimits
from orchestrator.kit.pages import Page, errors, page
from orchestrator.kit.plain import PlainRoutes
from orchestrator.kit.settings import describe
from orchestrator.kit.siblings import Siblings
from orchestrator.lessons import endpoints as lessons
from orchestrator.login import endpoints as login
from orchestrator.overview import endpoints as overview
from orchestrator.overview import requests as usage_details
from orchestrator.residency import endpoints as residency
from orchestrator.routers import endpoints as routers
from orchestrator.routers import version_endpoints as router_versions
from orchestrator.routers.workbench.endpoints import ROUTERS as WORKBENCH
from orchestrator.runs import endpoints as runs
from orchestrator.runs.webhooks import endpoints as webhooks
from orchestrator.system import endpoints as system
from orchestrator.telemetry import endpoints as telemetry
from orchestrator.telemetry.serving import TracedRequests
from orchestrator.tenants import endpoints as keys
from orchestrator.tenants import tenant_endpoints as tenants
from orchestrator.tenants.access import require_role
from orchestrator.tenants.door import Door
from orchestrator.tenants.keys import Role
from orchestrator.tenants.limits import endpoints as limits
from orchestrator.usage import endpoints as usage
from orchestrator.usage import own_endpoints as own_usage

_DESCRIPTION = """Many LLMs behind one OpenAI-compatible endpoint. For each request a two-step router
works out what kind of request it is and which expert answers that kind best under a policy."""

_OPEN: dict[str, Any] = {"security": []}
"""Marks an operation that needs no key."""


class Health(BaseModel):
    """The process answers."""

    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """Whether requests can be served, and what is in the way."""

    status: str = Field(examples=["ok"])
    checks: dict[str, str]


class SettingView(BaseModel):
    """One setting in effect."""

    name: str
    value: str
    source: str
    description: str


def create_app(
    services: Services, stopping: Stopping | None = None, siblings: Siblings | None = None
) -> ASGIApp:
    """Return the application over services that are open.

    Args:
        services: The services.
        stopping: Says when this replica is about to stop; ``None``: never.
        siblings: The processes that share its port; ``None``: it has it alone.
    """
    app = FastAPI(
        title="Composition of Experts",
        version="0.1.0",
        description=_DESCRIPTION,
        redoc_url=None,
    )
    app.state.services = services
    app.state.siblings = siblings
    install_error_handlers(app)
    for router in (
        _operations(stopping or Stopping()),
        catalogue.router,
        trying.router,
        admissions.router,
        keys.router,
        limits.router,
        budgets.router,
        tenants.router,
        audit.router,
        login.router,
        overview.router,
        usage.router,
        usage_details.router,
        own_usage.router,
        routers.router,
        router_versions.router,
        *WORKBENCH,
        feedback.router,
        feedback.admin_router,
        runs.router,
        webhooks.router,
        jobs.router,
        job_kinds.router,
        files.router,
        batches.router,
        lessons.router,
        breakers.router,
        caching.router,
        residency.router,
        strategies.router,
        telemetry.router,
        system.router,
        _settings(),
    ):
        app.include_router(router)
    # First, since a request is held against one route after the other.
    app.router.routes[:0] = (*chat.ROUTES, *DIALECTS)
    _document_chat(app)
    states = States(app, app.routes)
    audited = Audited(app, services.audit, ("/admin/api", webhooks.PATH), states)
    own = (feedback.PATH, runs.PATH, webhooks.PATH, own_usage.PATH, files.PATH, batches.PATH)
    closed = ("/admin/api", *own)
    guarded = Door(audited, services.keys, closed)
    settings = services.settings
    larger = {
        router_versions.UPLOAD_PATH: ("COE_MAX_ARTIFACT_BYTES", settings.max_artifact_bytes),
        files.PATH: ("COE_MAX_FILE_BYTES", settings.max_file_bytes),
    }
    limited = InboundLimits(
        PlainRoutes(guarded, app, (*chat.ROUTES, *DIALECTS)),
        max_body_bytes=settings.max_body_bytes,
        body_timeout=settings.body_timeout,
        exceptions=larger,
    )
    open_to_pages = with_cors(limited, settings.cors_origins)
    framed = MessagesErrors(RequestFrame(open_to_pages, send_timeout=settings.send_timeout))
    return TracedRequests(framed) if tracing.active is not None else framed


def _operations(stopping: Stopping) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", openapi_extra=_OPEN)
    async def healthz() -> Health:
        """Tell that the process answers."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not ready."}},
        openapi_extra=_OPEN,
    )
    async def readyz(request: Request) -> JSONResponse:
        """Tell whether requests can be served; `degraded` if so, but a store is away."""
        checks = await readiness(request.app.state.services)
        if stopping.begun:
            checks["replica"] = "stopping"
        status = readiness_status(checks)
        found = {"status": status, "checks": checks}
        return JSONResponse(found, 503 if status == "not ready" else 200)

    return router


def _settings() -> APIRouter:
    router = APIRouter(tags=["operations"], responses=errors(401, 403))

    @router.get("/admin/api/config", dependencies=[Depends(require_role(Role.VIEWER))])
    async def config(request: Request) -> Page[SettingView]:
        """List the settings in effect, where each came from, and what it is for."""
        rows = describe(request.app.state.services.settings)
        return page([SettingView(**row) for row in rows], len(rows), lambda row: row.name)

    return router


def _document_chat(app: FastAPI) -> None:
    """Add the plain routes to the OpenAPI document, which FastAPI cannot see into."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["paths"] = {**chat_paths(), **dialect_paths(), **document["paths"]}
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."}
        }
        document["security"] = [{"bearer": []}]
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)  # FastAPI's default; ours is 400
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
