"""``/admin/api/system``: the installation at a moment."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request

from orchestrator.kit.pages import errors
from orchestrator.system.schemas import SystemView
from orchestrator.system.service import System
from orchestrator.system.views import system_view
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Role

router = APIRouter(prefix="/admin/api/system", tags=["operations"], responses=errors(401, 403))


@router.get("", dependencies=[Depends(require_role(Role.VIEWER))])
async def system(request: Request) -> SystemView:
    """Tell how processes, queues, stores and disk are.

    A part that does not answer at once, or not at all, says so and is shown as it was before.
    """
    watched: System = request.app.state.services.system
    return system_view(await watched.overview(), watched.instance, datetime.now(UTC))
