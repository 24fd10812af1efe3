"""All endpoints of the workbench."""

from __future__ import annotations

from orchestrator.routers.workbench import (
    budget_endpoints,
    category_endpoints,
    compare_endpoints,
    diagnosis_endpoints,
    score_endpoints,
)

ROUTERS = (
    category_endpoints.router,
    diagnosis_endpoints.router,
    score_endpoints.router,
    budget_endpoints.router,
    compare_endpoints.router,
)
