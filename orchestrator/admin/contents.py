"""The pages there are: where, named how, for whom, and what draws them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.admin.pages import cache, jobs, settings
from orchestrator.admin.pages.access import audit, budgets, keys, sessions, tenant, tenants
from orchestrator.admin.pages.conductor import home as conductor
from orchestrator.admin.pages.conductor import run as conductor_run
from orchestrator.admin.pages.experts import adding, catalogue, one, secrets
from orchestrator.admin.pages.overview import home as overview
from orchestrator.admin.pages.playground import home as playground
from orchestrator.admin.pages.requests import listing as requests
from orchestrator.admin.pages.requests import one as request
from orchestrator.admin.pages.router import home as router
from orchestrator.admin.pages.router import version as router_version
from orchestrator.admin.pages.system import home as system
from orchestrator.admin.session import View


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args:
        path: Below ``/admin``, such as ``/experts/{expert_id}``.
        title: Its heading.
        draw: Draws what is in the frame; it is awaited once the browser is connected.
        role: The smallest role that may look.
        group: Heading in the navigation; empty: not in it.
        icon: Of Material Icons, in the navigation.
        parent: Path of the page above, for one that is not in the navigation itself.
    """

    path: str
    title: str
    draw: Callable[[View], Awaitable[None]]
    role: str = "viewer"
    group: str = ""
    icon: str = ""
    parent: str = ""


PAGES: tuple[Page, ...] = (
    Page("", "Overview", overview.draw, group="Watch", icon="space_dashboard"),
    Page("/playground", "Playground", playground.draw, role="user", group="Watch", icon="forum"),
    Page("/requests", "Requests", requests.draw, group="Watch", icon="receipt_long"),
    Page("/requests/{request_id}", "Request", request.draw, parent="/requests"),
    Page("/experts", "Experts", catalogue.draw, group="Route", icon="hub"),
    Page("/experts/{expert_id}", "Expert", one.draw, parent="/experts"),
    Page("/add-expert", "Add an expert", adding.draw, role="editor", parent="/experts"),
    Page("/secrets", "Secrets", secrets.draw, role="admin", group="Route", icon="password"),
    Page("/router", "Router", router.draw, group="Route", icon="alt_route"),
    Page("/router/versions/{version_id}", "Router version", router_version.draw, parent="/router"),
    Page("/cache", "Cache", cache.draw_page, group="Route", icon="bolt"),
    Page("/conductor", "Conductor", conductor.draw, role="user", group="Work", icon="account_tree"),
    Page("/conductor/runs/{run_id}", "Run", conductor_run.draw, role="user", parent="/conductor"),
    Page("/jobs", "Jobs", jobs.draw_list, group="Work", icon="work_history"),
    Page("/jobs/{job_id}", "Job", jobs.draw_one, parent="/jobs"),
    Page("/tenants", "Tenants", tenants.draw, group="People", icon="apartment"),
    Page("/tenants/{tenant}", "Tenant", tenant.draw, parent="/tenants"),
    Page("/budgets", "Budgets", budgets.draw, group="People", icon="savings"),
    Page("/keys", "Keys", keys.draw, role="admin", group="People", icon="key"),
    Page("/sessions", "Sessions", sessions.draw, role="admin", group="People", icon="devices"),
    Page("/audit", "Audit", audit.draw, role="admin", group="People", icon="history"),
    Page("/system", "System", system.draw, group="Service", icon="monitor_heart"),
    Page("/settings", "Settings", settings.draw_page, group="Service", icon="tune"),
)
