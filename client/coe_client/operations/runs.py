"""Runs, and webhooks that tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coe_client.operations.answers import Message
from coe_client.requests import Request, as_model, as_text, given, nothing, v1
from coe_client.types import (
    CreatedWebhook,
    Page,
    Run,
    RunDetail,
    RunEvent,
    Webhook,
    WebhookDelivery,
)

Task = str | Sequence[Message]
"""The task as text, or a conversation."""


def start_run(task: Task, **options: Any) -> Request[Run]:
    """Start a run. Sent twice it would be two runs."""
    body: dict[str, Any] = {"task": task} if isinstance(task, str) else {"messages": list(task)}
    body |= given(**options)
    return Request("POST", v1("runs"), as_model(Run), body, repeatable=False)


def get_run(run_id: str) -> Request[RunDetail]:
    """Get a run with its steps."""
    return Request("GET", v1("runs", run_id), as_model(RunDetail))


def draw_run(run_id: str) -> Request[str]:
    """Draw a run."""
    path = v1("runs", run_id, "graph")
    return Request("GET", path, as_text, content_type="text/vnd.mermaid")


def list_runs(
    after: str | None,
    limit: int | None,
    *,
    status: str | None,
    strategy: str | None,
    tenant: str | None,
    q: str | None,
    sort: str | None,
) -> Request[Page[Run]]:
    """List runs."""
    chosen = {"status": status, "strategy": strategy, "tenant": tenant, "q": q, "sort": sort}
    path = v1("runs", after=after, limit=limit, **chosen)
    return Request("GET", path, as_model(Page[Run]))


def watch_run(run_id: str, after: str | None) -> Request[RunEvent]:
    """Ask for the events of a run after one."""
    path = v1("runs", run_id, "events", after=after)
    return Request("GET", path, as_model(RunEvent), content_type="text/event-stream")


def cancel_run(run_id: str) -> Request[Run]:
    """Cancel a run."""
    path = v1("runs", run_id, "cancel")
    return Request("POST", path, as_model(Run), repeatable=False)


def approve_step(run_id: str, step: str | None) -> Request[Run]:
    """Allow a step that waits."""
    path = v1("runs", run_id, "approve")
    return Request("POST", path, as_model(Run), given(step=step), repeatable=False)


def reject_step(run_id: str, step: str | None, reason: str) -> Request[Run]:
    """Do not allow a step that waits."""
    body = given(step=step, reason=reason or None)
    path = v1("runs", run_id, "reject")
    return Request("POST", path, as_model(Run), body, repeatable=False)


def replay_run(
    run_id: str, from_step: str, changes: Mapping[str, Any], **options: Any
) -> Request[Run]:
    """Start a run that takes over the steps of another before one. Sent twice it would be two."""
    body = {"from_step": from_step, "changes": given(**changes), **given(**options)}
    path = v1("runs", run_id, "replay")
    return Request("POST", path, as_model(Run), body, repeatable=False)


def create_webhook(url: str) -> Request[CreatedWebhook]:
    """Make a webhook."""
    path = v1("webhooks")
    return Request("POST", path, as_model(CreatedWebhook), {"url": url}, repeatable=False)


def list_webhooks(after: str | None, limit: int | None) -> Request[Page[Webhook]]:
    """List webhooks."""
    path = v1("webhooks", after=after, limit=limit)
    return Request("GET", path, as_model(Page[Webhook]))


def delete_webhook(webhook_id: str) -> Request[None]:
    """Delete a webhook."""
    return Request("DELETE", v1("webhooks", webhook_id), nothing, repeatable=False)


def list_deliveries(
    webhook_id: str, after: str | None, limit: int | None
) -> Request[Page[WebhookDelivery]]:
    """List messages to a webhook."""
    path = v1("webhooks", webhook_id, "deliveries", after=after, limit=limit)
    return Request("GET", path, as_model(Page[WebhookDelivery]))


def redeliver(webhook_id: str, message_id: str) -> Request[WebhookDelivery]:
    """Send a message once more."""
    path = v1("webhooks", webhook_id, "deliveries", message_id, "redeliver")
    return Request("POST", path, as_model(WebhookDelivery), repeatable=False)
