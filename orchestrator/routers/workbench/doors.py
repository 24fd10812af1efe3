"""What the endpoints of the workbench have in common: who may, which service, which version."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from orchestrator.routers.workbench.service import Workbench
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role


def _workbench(request: Request) -> Workbench:
    service: Workbench = request.app.state.services.workbench
    return service


Bench = Annotated[Workbench, Depends(_workbench)]
Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]


def known(version_id: str) -> str:
    """Return an id that Postgres can be asked for: text it cannot hold names no version."""
    return version_id if version_id.isprintable() and version_id.isascii() else "?"


def named(principal: Principal) -> str:
    """Return who does something, as versions remember it."""
    return f"{principal.name[:120]} ({principal.key_id})"
