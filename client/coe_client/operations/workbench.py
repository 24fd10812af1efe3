"""What operators work on a router version with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coe_client.requests import Request, admin, as_model
from coe_client.types import (
    ExpertScores,
    Page,
    RouterBudgetSet,
    RouterCategoryDetail,
    RouterDiagnostics,
    RouterFrontier,
    RouterMap,
    RouterPolicies,
    RoutersCompared,
    RouterSolved,
    RouterTaxonomy,
    RouterTaxonomyChanged,
)


def get_taxonomy(version_id: str, q: str | None, examples: int | None) -> Request[RouterTaxonomy]:
    """Get a version's categories."""
    path = admin("routers", version_id, "taxonomy", q=q, examples=examples)
    return Request("GET", path, as_model(RouterTaxonomy))


def get_category(version_id: str, category_id: str) -> Request[RouterCategoryDetail]:
    """Get a category with all its examples."""
    path = admin("routers", version_id, "taxonomy", category_id)
    return Request("GET", path, as_model(RouterCategoryDetail))


def change_taxonomy(
    version_id: str, changes: Sequence[Mapping[str, Any]], note: str, preview: bool
) -> Request[RouterTaxonomyChanged]:
    """Store a candidate with other categories. The same is stored once, so it may be sent again."""
    body = {"changes": [dict(change) for change in changes], "note": note, "preview": preview}
    path = admin("routers", version_id, "taxonomy")
    return Request("POST", path, as_model(RouterTaxonomyChanged), body)


def get_diagnostics(version_id: str, days: int | None) -> Request[RouterDiagnostics]:
    """Get how well a version tells kinds of requests apart."""
    path = admin("routers", version_id, "diagnostics", days=days)
    return Request("GET", path, as_model(RouterDiagnostics))


def get_projection(version_id: str, requests: int | None, days: int | None) -> Request[RouterMap]:
    """Get examples and requests in two dimensions."""
    path = admin("routers", version_id, "projection", requests=requests, days=days)
    return Request("GET", path, as_model(RouterMap))


def list_scores(
    version_id: str,
    after: str | None = None,
    limit: int | None = None,
    *,
    q: str | None = None,
    sort: str | None = None,
) -> Request[Page[ExpertScores]]:
    """List experts with what a version expects of each."""
    path = admin("routers", version_id, "scores", after=after, limit=limit, q=q, sort=sort)
    return Request("GET", path, as_model(Page[ExpertScores]))


def list_policies(version_id: str) -> Request[RouterPolicies]:
    """List a version's policies."""
    path = admin("routers", version_id, "policies")
    return Request("GET", path, as_model(RouterPolicies))


def get_frontier(
    version_id: str, policy: str, limit_on: str | None, points: int | None
) -> Request[RouterFrontier]:
    """Get what more of a budget buys."""
    path = admin(
        "routers", version_id, "policies", policy, "frontier", limit_on=limit_on, points=points
    )
    return Request("GET", path, as_model(RouterFrontier))


def solve_policy(
    version_id: str, policy: str, limits: Mapping[str, float | None], unlimited: bool
) -> Request[RouterSolved]:
    """Get the mapping a policy would have with another budget."""
    asked = {**limits, "unlimited": "true" if unlimited else None}
    path = admin("routers", version_id, "policies", policy, "solve", **asked)
    return Request("GET", path, as_model(RouterSolved))


def set_budget(
    version_id: str, policy: str, limits: Mapping[str, float | None], note: str
) -> Request[RouterBudgetSet]:
    """Store a candidate with another budget. The same is stored once, so it may be sent again."""
    budget = {name: value for name, value in limits.items() if value is not None}
    path = admin("routers", version_id, "policies", policy, "budget")
    body = {"budget": budget or None, "note": note}
    return Request("POST", path, as_model(RouterBudgetSet), body)


def compare_versions(version_id: str, other: str) -> Request[RoutersCompared]:
    """Get two versions side by side."""
    path = admin("routers", version_id, "compare", **{"with": other})
    return Request("GET", path, as_model(RoutersCompared))
