"""Strategies, what they are assigned to, and lessons."""

from __future__ import annotations

from coe_client.requests import Request, admin, as_model, given, nothing
from coe_client.types import Assignment, Lesson, Page, Strategy


def list_strategies() -> Request[Page[Strategy]]:
    """List strategies."""
    return Request("GET", admin("strategies"), as_model(Page[Strategy]))


def list_assignments(after: str | None, limit: int | None) -> Request[Page[Assignment]]:
    """List which strategies are assigned to what."""
    path = admin("strategies", "assignments", after=after, limit=limit)
    return Request("GET", path, as_model(Page[Assignment]))


def assign_strategy(
    strategy: str, *, category: str | None, policy: str | None, tenant: str | None
) -> Request[Assignment]:
    """Let a strategy answer some requests."""
    body = {"strategy": strategy, **given(category=category, policy=policy, tenant=tenant)}
    return Request("PUT", admin("strategies", "assignments"), as_model(Assignment), body)


def delete_assignment(assignment_id: str) -> Request[None]:
    """Take an assignment back."""
    path = admin("strategies", "assignments", assignment_id)
    return Request("DELETE", path, nothing, repeatable=False)


def list_lessons(
    after: str | None, limit: int | None, *, tenant: str | None, category: str | None
) -> Request[Page[Lesson]]:
    """List lessons."""
    path = admin("lessons", after=after, limit=limit, tenant=tenant, category=category)
    return Request("GET", path, as_model(Page[Lesson]))


def delete_lesson(lesson_id: str) -> Request[None]:
    """Forget a lesson."""
    return Request("DELETE", admin("lessons", lesson_id), nothing, repeatable=False)
