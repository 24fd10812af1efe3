"""The operations on runs and webhooks as requests; see :mod:`coe_client.operations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coe_client.requests import Request, as_model, as_text, nothing, path_of
from coe_client.types import Page
from coe_client.types.base import WireModel
from coe_client.types.runs import (
    Assignment,
    CreatedWebhook,
    Lesson,
    Run,
    RunDetail,
    RunEvent,
    Strategy,
    Webhook,
    WebhookDelivery,
)

Message = Mapping[str, Any] | WireModel
Task = str | Sequence[Message]
"""The task as text, or a conversation."""


def start_run(task: Task, **options: Any) -> Request[Run]:
    """Start a run. Sent twice it would be two runs."""
    body: dict[str, Any] = {"task": task} if isinstance(task, str) else {"messages": list(task)}
    body |= _given(options)
    return Request("POST", path_of("v1", "runs"), as_model(Run), body, repeatable=False)


def get_run(run_id: str) -> Request[RunDetail]:
    """Get a run with its steps."""
    return Request("GET", path_of("v1", "runs", run_id), as_model(RunDetail))


def draw_run(run_id: str) -> Request[str]:
    """Draw a run."""
    path = path_of("v1", "runs", run_id, "graph")
    return Request("GET", path, as_text, content_type="text/vnd.mermaid")


def list_runs(after: str | None, limit: int | None, *, status: str | None) -> Request[Page[Run]]:
    """List runs."""
    query = {"after": after, "limit": limit, "status": status}
    return Request("GET", path_of("v1", "runs", query=query), as_model(Page[Run]))


def watch_run(run_id: str, after: str | None) -> Request[RunEvent]:
    """Ask for the events of a run after one."""
    path = path_of("v1", "runs", run_id, "events", query={"after": after})
    return Request("GET", path, as_model(RunEvent), content_type="text/event-stream")


def cancel_run(run_id: str) -> Request[Run]:
    """Cancel a run."""
    path = path_of("v1", "runs", run_id, "cancel")
    return Request("POST", path, as_model(Run), repeatable=False)


def approve_step(run_id: str, step: str | None) -> Request[Run]:
    """Allow a step that waits."""
    path = path_of("v1", "runs", run_id, "approve")
    return Request("POST", path, as_model(Run), _given({"step": step}), repeatable=False)


def reject_step(run_id: str, step: str | None, reason: str) -> Request[Run]:
    """Do not allow a step that waits."""
    body = _given({"step": step, "reason": reason or None})
    path = path_of("v1", "runs", run_id, "reject")
    return Request("POST", path, as_model(Run), body, repeatable=False)


def replay_run(
    run_id: str, from_step: str, changes: Mapping[str, Any], **options: Any
) -> Request[Run]:
    """Start a run that takes over the steps of another before one. Sent twice it would be two."""
    body = {"from_step": from_step, "changes": _given(changes), **_given(options)}
    path = path_of("v1", "runs", run_id, "replay")
    return Request("POST", path, as_model(Run), body, repeatable=False)


def list_strategies() -> Request[Page[Strategy]]:
    """List strategies."""
    return Request("GET", path_of("admin", "api", "strategies"), as_model(Page[Strategy]))


def list_assignments(after: str | None, limit: int | None) -> Request[Page[Assignment]]:
    """List which strategies are assigned to what."""
    query = {"after": after, "limit": limit}
    path = path_of("admin", "api", "strategies", "assignments", query=query)
    return Request("GET", path, as_model(Page[Assignment]))


def assign_strategy(strategy: str, **scope: str | None) -> Request[Assignment]:
    """Let a strategy answer some requests."""
    path = path_of("admin", "api", "strategies", "assignments")
    return Request("PUT", path, as_model(Assignment), {"strategy": strategy, **_given(scope)})


def delete_assignment(assignment_id: str) -> Request[None]:
    """Take an assignment back."""
    path = path_of("admin", "api", "strategies", "assignments", assignment_id)
    return Request("DELETE", path, nothing, repeatable=False)


def list_lessons(
    after: str | None, limit: int | None, **wanted: str | None
) -> Request[Page[Lesson]]:
    """List lessons."""
    query = {"after": after, "limit": limit, **wanted}
    path = path_of("admin", "api", "lessons", query=query)
    return Request("GET", path, as_model(Page[Lesson]))


def delete_lesson(lesson_id: str) -> Request[None]:
    """Forget a lesson."""
    path = path_of("admin", "api", "lessons", lesson_id)
    return Request("DELETE", path, nothing, repeatable=False)


def create_webhook(url: str) -> Request[CreatedWebhook]:
    """Make a webhook."""
    path = path_of("v1", "webhooks")
    return Request("POST", path, as_model(CreatedWebhook), {"url": url}, repeatable=False)


def list_webhooks(after: str | None, limit: int | None) -> Request[Page[Webhook]]:
    """List webhooks."""
    path = path_of("v1", "webhooks", query={"after": after, "limit": limit})
    return Request("GET", path, as_model(Page[Webhook]))


def delete_webhook(webhook_id: str) -> Request[None]:
    """Delete a webhook."""
    return Request("DELETE", path_of("v1", "webhooks", webhook_id), nothing, repeatable=False)


def list_deliveries(
    webhook_id: str, after: str | None, limit: int | None
) -> Request[Page[WebhookDelivery]]:
    """List messages to a webhook."""
    query = {"after": after, "limit": limit}
    path = path_of("v1", "webhooks", webhook_id, "deliveries", query=query)
    return Request("GET", path, as_model(Page[WebhookDelivery]))


def redeliver(webhook_id: str, message_id: str) -> Request[WebhookDelivery]:
    """Send a message once more."""
    path = path_of("v1", "webhooks", webhook_id, "deliveries", message_id, "redeliver")
    return Request("POST", path, as_model(WebhookDelivery), repeatable=False)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
