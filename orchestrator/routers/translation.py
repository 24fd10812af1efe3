"""The errors of router versions, in HTTP: the one place where statuses are chosen for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orchestrator.kit.errors import ApiError
from orchestrator.kit.registry import registry_reached
from orchestrator.routers.errors import (
    NothingToRollBack,
    RouterAdditionRefused,
    RouterBudgetInfeasible,
    RouterCategoryUnknown,
    RouterExpertsMissing,
    RouterPolicyMissing,
    RouterPolicyUnknown,
    RouterReportMissing,
    RouterSolverTimedOut,
    RouterTaxonomyFixed,
    RouterTaxonomyInvalid,
    RouterVersionActive,
    RouterVersionBuiltIn,
    RouterVersionError,
    RouterVersionInvalid,
    RouterVersionUnknown,
    RouterVersionUnloadable,
)

STATUSES: Mapping[type[RouterVersionError], tuple[int, str]] = {
    RouterVersionInvalid: (400, "invalid_artifact"),
    RouterVersionUnknown: (404, "router_version_not_found"),
    RouterReportMissing: (404, "router_report_not_found"),
    RouterExpertsMissing: (409, "router_experts_missing"),
    RouterPolicyMissing: (409, "router_policy_missing"),
    RouterVersionActive: (409, "router_version_active"),
    RouterVersionBuiltIn: (409, "router_version_built_in"),
    RouterVersionUnloadable: (409, "router_version_unloadable"),
    NothingToRollBack: (409, "nothing_to_roll_back"),
    RouterPolicyUnknown: (404, "router_policy_not_found"),
    RouterCategoryUnknown: (404, "router_category_not_found"),
    RouterTaxonomyInvalid: (400, "invalid_taxonomy"),
    RouterTaxonomyFixed: (409, "router_taxonomy_fixed"),
    RouterAdditionRefused: (409, "router_addition_refused"),
    RouterBudgetInfeasible: (409, "router_budget_infeasible"),
    RouterSolverTimedOut: (409, "router_solver_timed_out"),
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of router versions into :class:`ApiError`."""
    try:
        with registry_reached():
            yield
    except RouterVersionError as error:
        status, code = STATUSES[type(error)]
        raise ApiError(status, code, str(error)) from error
