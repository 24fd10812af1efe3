"""``client.runs`` and ``client.webhooks``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from coe_client.operations import runs as operations
from coe_client.operations.runs import Task
from coe_client.paging import Pages
from coe_client.run_streams import watch
from coe_client.threads.group import Group
from coe_client.types.runs import (
    CreatedWebhook,
    Run,
    RunDetail,
    RunEvent,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from coe_client.webhooks import unwrap


class Runs(Group):
    """``client.runs``: tasks that are worked on in the background."""

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
        return self._send(
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
        return self._send(operations.get_run(run_id))

    def graph(self, run_id: str) -> str:
        """Draw the steps that a run has begun, as Mermaid."""
        return self._send(operations.draw_run(run_id))

    def list(
        self,
        *,
        status: str | None = None,
        strategy: str | None = None,
        tenant: str | None = None,
        q: str | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> Pages[Run]:
        """List the runs of the key's tenant, the latest first; for an admin, everybody's.

        Args:
            status: Only runs that are ``queued``, ``running``, ``waiting``, ``finished``, ``failed`` or
                ``cancelled``.
            strategy: Only runs of this one.
            tenant: Only this tenant's, for an admin.
            q: Only what has all of these words, or their beginnings, in its task, answer, strategy, tenant,
                error or metadata; or what an id begins with.
            sort: What comes first: ``-created``, ``-cost`` or ``-took``; without the ``-`` the smallest.
            page_size: Runs fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_runs(
                after, page_size, status=status, strategy=strategy, tenant=tenant, q=q, sort=sort
            ),
        )

    def events(self, run_id: str, *, after: str | None = None) -> Generator[RunEvent]:
        """Yield what happens in a run until it has ended, over as many connections as it takes.

        Args:
            run_id: The run.
            after: Id of the last event that is known; ``None``: from the beginning.
        """
        return watch(self._transport, run_id, after)

    def wait(
        self,
        run_id: str,
        *,
        progress: Callable[[RunDetail], None] | None = None,
        every: float = 5.0,
        within: float | None = None,
    ) -> RunDetail:
        """Wait until a run has ended, whichever way.

        Args:
            run_id: The run.
            progress: Told how it is, each time it is asked after; :meth:`events` tells more, and at once.
            every: Longest pause between two times, in seconds.
            within: Seconds until this gives up; ``None``: never.

        Raises:
            TimeoutError: It has not ended by then.
        """
        return self._poll(lambda: self.get(run_id), progress, every, within)

    def cancel(self, run_id: str) -> Run:
        """Cancel a run; a worker that is at it stops within seconds."""
        return self._send(operations.cancel_run(run_id))

    def approve(self, run_id: str, step: str | None = None) -> Run:
        """Allow a step that waits; ``None``: the only one."""
        return self._send(operations.approve_step(run_id, step))

    def reject(self, run_id: str, step: str | None = None, *, reason: str = "") -> Run:
        """Do not allow a step that waits: it counts as failed, and the run goes on."""
        return self._send(operations.reject_step(run_id, step, reason))

    def replay(
        self,
        run_id: str,
        from_step: str,
        *,
        metadata: Mapping[str, str] | None = None,
        webhook: str | None = None,
        instruction: str | None = None,
        expert: str | None = None,
        output: str | None = None,
        policy: str | None = None,
        limits: Mapping[str, float] | None = None,
        approval: Sequence[str] | None = None,
    ) -> Run:
        """Start a run that takes over the steps of another before one, and goes on from there.

        Args:
            run_id: The run that is replayed.
            from_step: Key of the first step that is done anew.
            metadata: For you; ``None``: as it was.
            webhook: Id of a webhook; ``None``: as it was.
            instruction: What that step is told instead; or
            expert: who does it; or
            output: what it is taken to have come to.
            policy: For the rest of the run; ``None``: as it was.
            limits: Likewise.
            approval: Likewise.
        """
        changes = {
            "instruction": instruction,
            "expert": expert,
            "output": output,
            "policy": policy,
            "limits": limits,
            "approval": approval,
        }
        return self._send(
            operations.replay_run(run_id, from_step, changes, metadata=metadata, webhook=webhook)
        )


class Webhooks(Group):
    """``client.webhooks``: where your tenant wants to be told of its runs."""

    def unwrap(
        self, body: bytes | str, headers: Mapping[str, str], *, secret: str | Sequence[str]
    ) -> WebhookEvent:
        """Read a message to a webhook of yours, as :func:`coe_client.webhooks.unwrap`."""
        return unwrap(body, headers, secret=secret)

    def create(self, url: str) -> CreatedWebhook:
        """Make a webhook. Its secret is in the result, and never shown again."""
        return self._send(operations.create_webhook(url))

    def list(self, *, page_size: int | None = None) -> Pages[Webhook]:
        """List webhooks."""
        return self._pages(lambda after: operations.list_webhooks(after, page_size))

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook; what is on its way to it is dropped."""
        self._send(operations.delete_webhook(webhook_id))

    def deliveries(
        self, webhook_id: str, *, page_size: int | None = None
    ) -> Pages[WebhookDelivery]:
        """List the messages to a webhook, the latest first."""
        return self._pages(
            lambda after: operations.list_deliveries(webhook_id, after, page_size),
        )

    def redeliver(self, webhook_id: str, message_id: str) -> WebhookDelivery:
        """Send a message once more, now."""
        return self._send(operations.redeliver(webhook_id, message_id))
