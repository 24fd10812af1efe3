"""``client.runs`` and ``client.webhooks``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coe_client import run_operations as operations
from coe_client.paging import Pages
from coe_client.run_operations import Task
from coe_client.run_streams import watch
from coe_client.types.runs import (
    CreatedWebhook,
    Run,
    RunDetail,
    RunEvent,
    Webhook,
    WebhookDelivery,
)

if TYPE_CHECKING:
    from coe_client.transport import Transport


class Runs:
    """``client.runs``: tasks that are worked on in the background."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        task: Task,
        *,
        strategy: str = "conductor",
        policy: str | None = None,
        context: Sequence[str] | None = None,
        facts: Sequence[Sequence[str]] | None = None,
        checks: Sequence[Mapping[str, Any]] | None = None,
        response_format: Mapping[str, Any] | None = None,
        limits: Mapping[str, float] | None = None,
        parameters: Mapping[str, float] | None = None,
        approval: Sequence[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        webhook: str | None = None,
    ) -> Run:
        """Start a run.

        Args:
            task: As text, or a conversation.
            strategy: How it is worked on.
            policy: The trade-off that experts are chosen under.
            context: Passages that come with it, the most trusted first.
            facts: Triples that come with it, for the strategy ``walk``.
            checks: That the answer has to pass: ``{"regex": "..."}``, ``{"schema": {...}}``,
                ``{"equations": True}``, ``{"units": True}``.
            response_format: With a ``json_schema``, that is one of the checks.
            limits: What it may use: ``rounds``, ``calls``, ``depth``, ``tokens``, ``usd``,
                ``seconds``.
            parameters: ``temperature``, ``top_p``, ``seed`` of the experts' calls.
            approval: Kinds of steps that wait until somebody allows them, such as ``python``.
            metadata: For you.
            webhook: Id of a webhook that is told when it has ended or waits.
        """
        return self._transport.send(
            operations.start_run(
                task,
                strategy=strategy,
                policy=policy,
                context=context,
                facts=facts,
                checks=checks,
                response_format=response_format,
                limits=limits,
                parameters=parameters,
                approval=approval,
                metadata=metadata,
                webhook=webhook,
            )
        )

    def get(self, run_id: str) -> RunDetail:
        """Get a run with its steps."""
        return self._transport.send(operations.get_run(run_id))

    def graph(self, run_id: str) -> str:
        """Draw the steps that a run has begun, as Mermaid."""
        return self._transport.send(operations.draw_run(run_id))

    def list(self, *, status: str | None = None, page_size: int | None = None) -> Pages[Run]:
        """List the runs of the key's tenant, the latest first; for an admin, everybody's."""
        return Pages(
            self._transport.send,
            lambda after: operations.list_runs(after, page_size, status=status),
        )

    def events(self, run_id: str, *, after: str | None = None) -> Iterator[RunEvent]:
        """Yield what happens in a run until it has ended, over as many connections as it takes.

        Args:
            run_id: The run.
            after: Id of the last event that is known; ``None``: from the beginning.
        """
        return watch(self._transport, run_id, after)

    def cancel(self, run_id: str) -> Run:
        """Cancel a run; a worker that is at it stops within seconds."""
        return self._transport.send(operations.cancel_run(run_id))

    def approve(self, run_id: str, step: str | None = None) -> Run:
        """Allow a step that waits; ``None``: the only one."""
        return self._transport.send(operations.approve_step(run_id, step))

    def reject(self, run_id: str, step: str | None = None, *, reason: str = "") -> Run:
        """Do not allow a step that waits: it counts as failed, and the run goes on."""
        return self._transport.send(operations.reject_step(run_id, step, reason))

    def replay(
        self,
        run_id: str,
        from_step: str,
        *,
        metadata: Mapping[str, str] | None = None,
        webhook: str | None = None,
        **changes: Any,
    ) -> Run:
        """Start a run that takes over the steps of another before one, and goes on from there.

        Args:
            run_id: The run that is replayed.
            from_step: Key of the first step that is done anew.
            metadata: For you; ``None``: as it was.
            webhook: Id of a webhook; ``None``: as it was.
            changes: Of the step ``instruction``, ``expert`` or ``output``; of the run ``policy``,
                ``limits``, ``approval``.
        """
        return self._transport.send(
            operations.replay_run(run_id, from_step, changes, metadata=metadata, webhook=webhook)
        )


class Webhooks:
    """``client.webhooks``: where your tenant wants to be told of its runs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, url: str) -> CreatedWebhook:
        """Make a webhook. Its secret is in the result, and never shown again."""
        return self._transport.send(operations.create_webhook(url))

    def list(self, *, page_size: int | None = None) -> Pages[Webhook]:
        """List webhooks."""
        return Pages(self._transport.send, lambda after: operations.list_webhooks(after, page_size))

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook; what is on its way to it is dropped."""
        self._transport.send(operations.delete_webhook(webhook_id))

    def deliveries(
        self, webhook_id: str, *, page_size: int | None = None
    ) -> Pages[WebhookDelivery]:
        """List the messages to a webhook, the latest first."""
        return Pages(
            self._transport.send,
            lambda after: operations.list_deliveries(webhook_id, after, page_size),
        )

    def redeliver(self, webhook_id: str, message_id: str) -> WebhookDelivery:
        """Send a message once more, now."""
        return self._transport.send(operations.redeliver(webhook_id, message_id))
